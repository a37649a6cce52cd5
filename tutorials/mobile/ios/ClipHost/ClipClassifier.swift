import ExecuTorch
import Foundation

/// A class and its probability.
struct Prediction {
    let name: String
    let probability: Float
}

struct ModelError: LocalizedError {
    let errorDescription: String?
}

/// The model: clips to classes. Use it from one thread.
final class ClipClassifier {
    private let module: Module

    init() throws {
        guard let path = Bundle.main.path(forResource: "model", ofType: "pte") else {
            throw ModelError(errorDescription: "model.pte is not in the app; run generate.py.")
        }
        module = Module(filePath: path)
        let metadata: String = try module.execute("metadata")
        if metadata != ClipProcessing.metadata {
            throw ModelError(
                errorDescription: "model.pte is not the model that ClipProcessing.swift was written "
                    + "for; run generate.py.")
        }
        try module.load("forward")
    }

    /// Classify a clip.
    ///
    /// - Parameter clip: a result of `ClipBuffer.clip`.
    /// - Returns: the `count` best classes, best first.
    func classify(_ clip: [Float], count: Int = 5) throws -> [Prediction] {
        let side = ClipProcessing.crop
        let input = Tensor<Float>(clip, shape: [1, 3, ClipProcessing.numFrames, side, side])
        let scores: Tensor<Float> = try module.forward(input)
        let probabilities = ClipProcessing.softmax(scores.scalars())
        return ClipProcessing.topClasses(probabilities, count).map {
            Prediction(name: ClipProcessing.classNames[$0], probability: probabilities[$0])
        }
    }
}
