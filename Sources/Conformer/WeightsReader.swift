import Tensors

/// Reads layers by their PyTorch names under a prefix, turning file errors into model errors.
struct WeightsReader {
  let file: SafetensorsFile

  func tensor(_ name: String, _ shape: [Int]) throws(ModelError) -> Tensor {
    do {
      return try file.tensor(name, shape: shape)
    } catch {
      throw .weights(error.description)
    }
  }

  func linear(_ prefix: String, _ outputs: Int, _ inputs: Int) throws(ModelError) -> Linear {
    Linear(
      weight: try tensor(prefix + ".weight", [outputs, inputs]),
      bias: try tensor(prefix + ".bias", [outputs]))
  }

  func layerNorm(_ prefix: String, _ dimension: Int) throws(ModelError) -> LayerNorm {
    LayerNorm(
      weight: try tensor(prefix + ".weight", [dimension]),
      bias: try tensor(prefix + ".bias", [dimension]))
  }
}
