import Foundation

// Numbers in: sizes, frames, scores. Numbers out: the clip, probabilities, classes.
let bytes = [UInt8](FileHandle.standardInput.readDataToEndOfFile())
var place = 0

func readInt() -> Int {
    place += 4
    return Int(bytes[place - 4..<place].reduce(UInt32(0)) { $0 << 8 | UInt32($1) })
}

let height = readInt(), width = readInt(), rowStride = readInt(), red = readInt()
let interval = Int64(readInt())
var buffer = ClipBuffer()
for i in 0..<readInt() {
    bytes.withUnsafeBufferPointer {
        let frame = ClipProcessing.frame(
            $0.baseAddress! + place, height, width, rowStride, red)
        buffer.add(frame, timestamp: 1 + Int64(i) * interval)
    }
    place += height * rowStride
}
let scores = (0..<readInt()).map { _ in Float(bitPattern: UInt32(readInt())) }
let probabilities = ClipProcessing.softmax(scores)
var words = buffer.clip()!.map { $0.bitPattern } + probabilities.map { $0.bitPattern }
words += ClipProcessing.topClasses(probabilities, 5).map { UInt32($0) }
FileHandle.standardOutput.write(Data(words.flatMap { word in
    [24, 16, 8, 0].map { UInt8(word >> UInt32($0) & 255) }
}))
