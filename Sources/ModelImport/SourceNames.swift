/// Where a format keeps a tensor: its name there, and which of how many equal parts of its rows.
struct SourceName: Equatable, Sendable {
  var name: String
  var part = 0
  var parts = 1
}

extension WhisperTensor {
  /// In Hugging Face's `WhisperForConditionalGeneration`, without the leading `model.`.
  var huggingFaceName: SourceName {
    switch place {
    case .convolution(let n): return SourceName(name: "encoder.conv\(n).\(kind.rawValue)")
    case .positions(let side): return SourceName(name: "\(side.rawValue).embed_positions.weight")
    case .finalNorm(let side):
      return SourceName(name: "\(side.rawValue).layer_norm.\(kind.rawValue)")
    case .embedding: return SourceName(name: "decoder.embed_tokens.weight")
    case .layer(let side, let n, let module, let part):
      let attention = module == .crossAttention ? "encoder_attn" : "self_attn"
      let place =
        switch part {
        case .norm: module == .feedForward ? "final_layer_norm" : attention + "_layer_norm"
        case .query: attention + ".q_proj"
        case .key: attention + ".k_proj"
        case .value: attention + ".v_proj"
        case .output: attention + ".out_proj"
        case .up: "fc1"
        case .down: "fc2"
        }
      return SourceName(name: "\(side.rawValue).layers.\(n).\(place).\(kind.rawValue)")
    }
  }

  /// In OpenAI's checkpoints, which whisper.cpp's files follow.
  var openAIName: SourceName {
    switch place {
    case .convolution(let n): return SourceName(name: "encoder.conv\(n).\(kind.rawValue)")
    case .positions(let side): return SourceName(name: "\(side.rawValue).positional_embedding")
    case .finalNorm(let side):
      return SourceName(
        name: (side == .encoder ? "encoder.ln_post." : "decoder.ln.") + kind.rawValue)
    case .embedding: return SourceName(name: "decoder.token_embedding.weight")
    case .layer(let side, let n, let module, let part):
      let attention = module == .crossAttention ? "cross_attn" : "attn"
      let place =
        switch part {
        case .norm: module == .feedForward ? "mlp_ln" : attention + "_ln"
        case .query: attention + ".query"
        case .key: attention + ".key"
        case .value: attention + ".value"
        case .output: attention + ".out"
        case .up: "mlp.0"
        case .down: "mlp.2"
        }
      return SourceName(name: "\(side.rawValue).blocks.\(n).\(place).\(kind.rawValue)")
    }
  }

  /// In CTranslate2's `WhisperSpec`, which keeps query, key and value of self-attention, and key and value of
  /// cross-attention, in one matrix.
  var cTranslate2Name: SourceName {
    let norm = kind == .weight ? "gamma" : "beta"
    switch place {
    case .convolution(let n): return SourceName(name: "encoder/conv\(n)/\(kind.rawValue)")
    case .positions(let side):
      return SourceName(name: "\(side.rawValue)/position_encodings/encodings")
    case .finalNorm(let side): return SourceName(name: "\(side.rawValue)/layer_norm/\(norm)")
    case .embedding: return SourceName(name: "decoder/embeddings/weight")
    case .layer(let side, let n, let module, let part):
      let folder =
        switch module {
        case .selfAttention: "self_attention"
        case .crossAttention: "attention"
        case .feedForward: "ffn"
        }
      let prefix = "\(side.rawValue)/layer_\(n)/\(folder)/"
      func linear(_ index: Int, _ part: Int = 0, of parts: Int = 1) -> SourceName {
        SourceName(name: prefix + "linear_\(index)/\(kind.rawValue)", part: part, parts: parts)
      }
      let isCross = module == .crossAttention
      switch part {
      case .norm: return SourceName(name: prefix + "layer_norm/\(norm)")
      case .query: return isCross ? linear(0) : linear(0, 0, of: 3)
      case .key: return isCross ? linear(1, 0, of: 2) : linear(0, 1, of: 3)
      case .value: return isCross ? linear(1, 1, of: 2) : linear(0, 2, of: 3)
      case .output: return isCross ? linear(2) : linear(1)
      case .up: return linear(0)
      case .down: return linear(1)
      }
    }
  }
}
