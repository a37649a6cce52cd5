/// The frames of the last `clipNanoseconds`, resized and cropped.
struct ClipBuffer {
    private var frames: [(timestamp: Int64, pixels: [UInt8])] = []
    private var full = false

    /// Take a frame in, and drop those that have become too old.
    ///
    /// - Parameters:
    ///   - frame: a result of `ClipProcessing.frame`.
    ///   - timestamp: when it began, in nanoseconds, later than the one before.
    mutating func add(_ frame: [UInt8], timestamp: Int64) {
        frames.append((timestamp, frame))
        let oldest = timestamp - Int64(ClipProcessing.clipNanoseconds)
        while frames[0].timestamp <= oldest {
            frames.removeFirst()
            full = true
        }
    }

    /// The model's input from the frames held, or nil before the first clip is complete.
    func clip() -> [Float]? {
        if !full { return nil }
        return ClipProcessing.clip(ClipProcessing.frameIndices(frames.count).map { frames[$0].pixels })
    }
}
