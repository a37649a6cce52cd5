package org.pytorchvideo.host

import kotlin.math.exp

/**
 * What one model takes and gives. Written by `tutorials/mobile/generate.py`; write it anew when the
 * model changes. All numbers are those of `evaluation_transform(spec, crops=1)`, `normalize_clips`
 * and softmax in Python.
 */
object ClipProcessing {
    // <constants>

    /** Which frames of `available` the model takes: evenly spaced, first and last included. */
    fun frameIndices(available: Int): IntArray {
        val indices = IntArray(NUM_FRAMES)
        val last = (available - 1).toDouble()
        // In single precision with one rounding a place, as torch.linspace.
        val step = (last / maxOf(NUM_FRAMES - 1, 1).toDouble()).toFloat().toDouble()
        for (i in 0 until NUM_FRAMES) {
            var place = step * i.toDouble()
            if (i > 0 && 2 * i + 1 >= NUM_FRAMES) {
                place = last - step * (NUM_FRAMES - 1 - i).toDouble()
            }
            indices[i] = place.toFloat().toInt()
        }
        return indices
    }

    /** Length of a side after the shorter one has become SIDE pixels. */
    fun resizedSide(side: Int, other: Int): Int {
        if (side > other) {
            return (side.toDouble() / other.toDouble() * SIDE.toDouble()).toInt()
        }
        return SIDE
    }

    /** First pixel of the crop in the middle of a side; halves round to even. */
    fun cropStart(side: Int): Int {
        val half = (side - CROP) shr 1
        return half + ((side - CROP) and half and 1)
    }

    /**
     * How bilinear resizing makes the pixels of the crop along one side. For each: the two source
     * pixels and their two weights; at the end the shift that divides by the sum of weights.
     */
    fun resizeTable(size: Int, resized: Int): IntArray {
        val scale = size.toDouble() / resized.toDouble()
        val firsts = IntArray(resized)
        val shares = DoubleArray(resized)
        var largest = 0.0
        for (i in 0 until resized) {
            val place = maxOf(scale * (i.toDouble() + 0.5) - 0.5, 0.0)
            firsts[i] = minOf(place.toInt(), size - 1)
            if (firsts[i] < size - 1) {
                shares[i] = place - firsts[i].toDouble()
            }
            largest = maxOf(largest, maxOf(shares[i], 1.0 - shares[i]))
        }
        // Weights are whole numbers of 16 bits with as many digits as fit, as torch's for bytes.
        var shift = 15
        if (largest * 32768.0 >= 32767.5) {
            shift = 14
        }
        val unit = (1 shl shift).toDouble()
        val table = IntArray(4 * CROP + 1)
        val start = cropStart(resized)
        for (i in 0 until CROP) {
            val first = firsts[start + i]
            val share = shares[start + i]
            table[4 * i] = first
            table[4 * i + 1] = minOf(first + 1, size - 1)
            table[4 * i + 2] = ((1.0 - share) * unit + 0.5).toInt()
            table[4 * i + 3] = (share * unit + 0.5).toInt()
        }
        table[4 * CROP] = shift
        return table
    }

    /**
     * Resize and crop a frame.
     *
     * @param pixels rows of 4 bytes a pixel.
     * @param rowStride bytes from one row to the next.
     * @param red 0 for red, green, blue, alpha; 2 for blue, green, red, alpha.
     * @return (3, CROP, CROP), red first.
     */
    fun frame(pixels: ByteArray, height: Int, width: Int, rowStride: Int, red: Int): ByteArray {
        val rows = resizeTable(height, resizedSide(height, width))
        val columns = resizeTable(width, resizedSide(width, height))
        val top = rows[0]
        val count = rows[4 * CROP - 3] - top + 1
        val area = CROP * CROP
        // First along the rows, with a rounding, then across them.
        val lines = IntArray(3 * count * CROP)
        val columnShift = columns[4 * CROP]
        val columnHalf = 1 shl (columnShift - 1)
        for (c in 0 until 3) {
            val channel = red + c * (1 - red)
            for (y in 0 until count) {
                val row = (top + y) * rowStride + channel
                for (x in 0 until CROP) {
                    val first = pixels[row + 4 * columns[4 * x]].toInt() and 255
                    val second = pixels[row + 4 * columns[4 * x + 1]].toInt() and 255
                    val sum = first * columns[4 * x + 2] + second * columns[4 * x + 3]
                    lines[(c * count + y) * CROP + x] = (sum + columnHalf) shr columnShift
                }
            }
        }
        val result = ByteArray(3 * area)
        val rowShift = rows[4 * CROP]
        val rowHalf = 1 shl (rowShift - 1)
        for (c in 0 until 3) {
            for (y in 0 until CROP) {
                val first = (c * count + rows[4 * y] - top) * CROP
                val second = (c * count + rows[4 * y + 1] - top) * CROP
                for (x in 0 until CROP) {
                    val sum = lines[first + x] * rows[4 * y + 2] + lines[second + x] * rows[4 * y + 3]
                    result[c * area + y * CROP + x] = ((sum + rowHalf) shr rowShift).toByte()
                }
            }
        }
        return result
    }

    /** Normalise NUM_FRAMES results of `frame` into the model's input (1, 3, T, CROP, CROP). */
    fun clip(frames: List<ByteArray>): FloatArray {
        val area = CROP * CROP
        val values = FloatArray(3 * NUM_FRAMES * area)
        for (c in 0 until 3) {
            for (t in 0 until NUM_FRAMES) {
                val pixels = frames[t]
                val start = (c * NUM_FRAMES + t) * area
                for (i in 0 until area) {
                    val level = (pixels[c * area + i].toInt() and 255).toFloat() / 255.0f
                    values[start + i] = (level - MEAN[c]) / STD[c]
                }
            }
        }
        return values
    }

    /** Turn the model's scores into probabilities. */
    fun softmax(scores: FloatArray): FloatArray {
        var largest = scores[0]
        for (i in 0 until scores.size) {
            largest = maxOf(largest, scores[i])
        }
        var sum = 0.0
        for (i in 0 until scores.size) {
            sum += exp((scores[i] - largest).toDouble())
        }
        val probabilities = FloatArray(scores.size)
        for (i in 0 until scores.size) {
            probabilities[i] = (exp((scores[i] - largest).toDouble()) / sum).toFloat()
        }
        return probabilities
    }

    /** The `count` classes of highest probability, best first. */
    fun topClasses(probabilities: FloatArray, count: Int): IntArray {
        val best = IntArray(minOf(count, probabilities.size))
        val taken = IntArray(probabilities.size)
        for (rank in 0 until best.size) {
            var winner = -1
            for (i in 0 until probabilities.size) {
                if (taken[i] == 0 && (winner < 0 || probabilities[i] > probabilities[winner])) {
                    winner = i
                }
            }
            best[rank] = winner
            taken[winner] = 1
        }
        return best
    }
}
