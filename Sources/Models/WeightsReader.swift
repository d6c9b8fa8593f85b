import Tensors

/// Reads layers by their PyTorch names under a prefix, turning file errors into model errors.
package struct WeightsReader: Sendable {
  package let file: SafetensorsFile

  package init(file: SafetensorsFile) { self.file = file }

  /// Numbers in the whole file.
  package var parameterCount: Int {
    file.tensorNames.reduce(0) { sum, name in
      sum + (file.shape(of: name) ?? [0]).reduce(1, *)
    }
  }

  package func has(_ name: String) -> Bool { file.shape(of: name) != nil }

  package func tensor(_ name: String, _ shape: [Int]) throws(ModelError) -> Tensor {
    do {
      return try file.tensor(name, shape: shape)
    } catch {
      throw .weights(error.description)
    }
  }

  /// - Parameter hasBias: false for a layer that was trained without one.
  package func linear(
    _ prefix: String, _ outputs: Int, _ inputs: Int, hasBias: Bool = true
  ) throws(ModelError) -> Linear {
    Linear(
      weight: try tensor(prefix + ".weight", [outputs, inputs]),
      bias: hasBias
        ? try tensor(prefix + ".bias", [outputs])
        : Tensor(shape: [outputs], values: Array(repeating: 0, count: outputs)))
  }

  package func layerNorm(_ prefix: String, _ dimension: Int) throws(ModelError) -> LayerNorm {
    LayerNorm(
      weight: try tensor(prefix + ".weight", [dimension]),
      bias: try tensor(prefix + ".bias", [dimension]))
  }
}
