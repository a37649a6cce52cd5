package org.pytorchvideo.host

import android.content.Context
import java.io.File
import org.pytorch.executorch.EValue
import org.pytorch.executorch.Module
import org.pytorch.executorch.Tensor

/** A class and its probability. */
data class Prediction(val name: String, val probability: Float)

/** The model: clips to classes. Use it from one thread. */
class ClipClassifier(context: Context) {
    private val module: Module

    init {
        // ExecuTorch reads files; assets are inside the app's archive.
        val file = File(context.filesDir, "model.pte")
        context.assets.open("model.pte").use { asset -> file.outputStream().use { asset.copyTo(it) } }
        module = Module.load(file.absolutePath)
        val metadata = module.execute("metadata")[0].toStr()
        check(metadata == ClipProcessing.METADATA) {
            "model.pte is not the model that ClipProcessing.kt was written for; run generate.py."
        }
    }

    /**
     * Classify a clip.
     *
     * @param clip a result of `ClipBuffer.clip`.
     * @return the `count` best classes, best first.
     */
    fun classify(clip: FloatArray, count: Int = 5): List<Prediction> {
        val side = ClipProcessing.CROP.toLong()
        val shape = longArrayOf(1, 3, ClipProcessing.NUM_FRAMES.toLong(), side, side)
        val scores = module.forward(EValue.from(Tensor.fromBlob(clip, shape)))[0].toTensor()
        val probabilities = ClipProcessing.softmax(scores.dataAsFloatArray)
        return ClipProcessing.topClasses(probabilities, count).map {
            Prediction(ClipProcessing.CLASS_NAMES[it], probabilities[it])
        }
    }
}
