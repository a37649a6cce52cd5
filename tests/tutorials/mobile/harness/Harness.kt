package org.pytorchvideo.host

import java.io.DataInputStream
import java.io.DataOutputStream

/** Numbers in: sizes, frames, scores. Numbers out: the clip, probabilities, classes. */
fun main() {
    val numbers = DataInputStream(System.`in`.buffered())
    val (height, width, rowStride, red) = List(4) { numbers.readInt() }
    val interval = numbers.readInt().toLong()
    val buffer = ClipBuffer()
    repeat(numbers.readInt()) { i ->
        val pixels = ByteArray(height * rowStride)
        numbers.readFully(pixels)
        buffer.add(ClipProcessing.frame(pixels, height, width, rowStride, red), 1 + i * interval)
    }
    val scores = FloatArray(numbers.readInt()) { numbers.readFloat() }
    val results = DataOutputStream(System.out.buffered())
    buffer.clip()!!.forEach(results::writeFloat)
    val probabilities = ClipProcessing.softmax(scores)
    probabilities.forEach(results::writeFloat)
    ClipProcessing.topClasses(probabilities, 5).forEach(results::writeInt)
    results.flush()
}
