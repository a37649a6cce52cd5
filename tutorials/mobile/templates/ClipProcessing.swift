import Foundation

/// What one model takes and gives. Written by `tutorials/mobile/generate.py`; write it anew when the
/// model changes. All numbers are those of `evaluation_transform(spec, crops=1)`, `normalize_clips`
/// and softmax in Python.
enum ClipProcessing {
    // <constants>

    /// Which frames of `available` the model takes: evenly spaced, first and last included.
    static func frameIndices(_ available: Int) -> [Int] {
        var indices = [Int](repeating: 0, count: numFrames)
        let last = Double(available - 1)
        // In single precision with one rounding a place, as torch.linspace.
        let step = Double(Float(last / Double(max(numFrames - 1, 1))))
        for i in 0..<numFrames {
            var place = step * Double(i)
            if i > 0 && 2 * i + 1 >= numFrames {
                place = last - step * Double(numFrames - 1 - i)
            }
            indices[i] = Int(Float(place))
        }
        return indices
    }

    /// Length of a side after the shorter one has become `side` pixels.
    static func resizedSide(_ length: Int, _ other: Int) -> Int {
        if length > other {
            return Int(Double(length) / Double(other) * Double(side))
        }
        return side
    }

    /// First pixel of the crop in the middle of a side; halves round to even.
    static func cropStart(_ length: Int) -> Int {
        let half = (length - crop) >> 1
        return half + ((length - crop) & half & 1)
    }

    /// How bilinear resizing makes the pixels of the crop along one side. For each: the two source
    /// pixels and their two weights; at the end the shift that divides by the sum of weights.
    static func resizeTable(_ size: Int, _ resized: Int) -> [Int] {
        let scale = Double(size) / Double(resized)
        var firsts = [Int](repeating: 0, count: resized)
        var shares = [Double](repeating: 0, count: resized)
        var largest = 0.0
        for i in 0..<resized {
            let place = max(scale * (Double(i) + 0.5) - 0.5, 0.0)
            firsts[i] = min(Int(place), size - 1)
            if firsts[i] < size - 1 {
                shares[i] = place - Double(firsts[i])
            }
            largest = max(largest, max(shares[i], 1.0 - shares[i]))
        }
        // Weights are whole numbers of 16 bits with as many digits as fit, as torch's for bytes.
        var shift = 15
        if largest * 32768.0 >= 32767.5 {
            shift = 14
        }
        let unit = Double(1 << shift)
        var table = [Int](repeating: 0, count: 4 * crop + 1)
        let start = cropStart(resized)
        for i in 0..<crop {
            let first = firsts[start + i]
            let share = shares[start + i]
            table[4 * i] = first
            table[4 * i + 1] = min(first + 1, size - 1)
            table[4 * i + 2] = Int((1.0 - share) * unit + 0.5)
            table[4 * i + 3] = Int(share * unit + 0.5)
        }
        table[4 * crop] = shift
        return table
    }

    /// Resize and crop a frame.
    ///
    /// - Parameters:
    ///   - pixels: rows of 4 bytes a pixel.
    ///   - rowStride: bytes from one row to the next.
    ///   - red: 0 for red, green, blue, alpha; 2 for blue, green, red, alpha.
    /// - Returns: (3, crop, crop), red first.
    static func frame(
        _ pixels: UnsafePointer<UInt8>, _ height: Int, _ width: Int, _ rowStride: Int, _ red: Int
    ) -> [UInt8] {
        let rows = resizeTable(height, resizedSide(height, width))
        let columns = resizeTable(width, resizedSide(width, height))
        let top = rows[0]
        let count = rows[4 * crop - 3] - top + 1
        let area = crop * crop
        // First along the rows, with a rounding, then across them.
        var lines = [Int](repeating: 0, count: 3 * count * crop)
        let columnShift = columns[4 * crop]
        let columnHalf = 1 << (columnShift - 1)
        for c in 0..<3 {
            let channel = red + c * (1 - red)
            for y in 0..<count {
                let row = (top + y) * rowStride + channel
                for x in 0..<crop {
                    let first = Int(pixels[row + 4 * columns[4 * x]])
                    let second = Int(pixels[row + 4 * columns[4 * x + 1]])
                    let sum = first * columns[4 * x + 2] + second * columns[4 * x + 3]
                    lines[(c * count + y) * crop + x] = (sum + columnHalf) >> columnShift
                }
            }
        }
        var result = [UInt8](repeating: 0, count: 3 * area)
        let rowShift = rows[4 * crop]
        let rowHalf = 1 << (rowShift - 1)
        for c in 0..<3 {
            for y in 0..<crop {
                let first = (c * count + rows[4 * y] - top) * crop
                let second = (c * count + rows[4 * y + 1] - top) * crop
                for x in 0..<crop {
                    let sum = lines[first + x] * rows[4 * y + 2] + lines[second + x] * rows[4 * y + 3]
                    result[c * area + y * crop + x] = UInt8((sum + rowHalf) >> rowShift)
                }
            }
        }
        return result
    }

    /// Normalise `numFrames` results of `frame` into the model's input (1, 3, T, crop, crop).
    static func clip(_ frames: [[UInt8]]) -> [Float] {
        let area = crop * crop
        var values = [Float](repeating: 0, count: 3 * numFrames * area)
        for c in 0..<3 {
            for t in 0..<numFrames {
                let pixels = frames[t]
                let start = (c * numFrames + t) * area
                for i in 0..<area {
                    let level = Float(pixels[c * area + i]) / 255.0
                    values[start + i] = (level - mean[c]) / std[c]
                }
            }
        }
        return values
    }

    /// Turn the model's scores into probabilities.
    static func softmax(_ scores: [Float]) -> [Float] {
        var largest = scores[0]
        for i in 0..<scores.count {
            largest = max(largest, scores[i])
        }
        var sum = 0.0
        for i in 0..<scores.count {
            sum += exp(Double(scores[i] - largest))
        }
        var probabilities = [Float](repeating: 0, count: scores.count)
        for i in 0..<scores.count {
            probabilities[i] = Float(exp(Double(scores[i] - largest)) / sum)
        }
        return probabilities
    }

    /// The `count` classes of highest probability, best first.
    static func topClasses(_ probabilities: [Float], _ count: Int) -> [Int] {
        var best = [Int](repeating: 0, count: min(count, probabilities.count))
        var taken = [Int](repeating: 0, count: probabilities.count)
        for rank in 0..<best.count {
            var winner = -1
            for i in 0..<probabilities.count {
                if taken[i] == 0 && (winner < 0 || probabilities[i] > probabilities[winner]) {
                    winner = i
                }
            }
            best[rank] = winner
            taken[winner] = 1
        }
        return best
    }
}
