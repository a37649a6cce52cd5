package org.pytorchvideo.host

/** The frames of the last CLIP_NANOSECONDS, resized and cropped. */
class ClipBuffer {
    private val frames = ArrayDeque<Pair<Long, ByteArray>>()
    private var full = false

    /**
     * Take a frame in, and drop those that have become too old.
     *
     * @param frame a result of `ClipProcessing.frame`.
     * @param timestamp when it began, in nanoseconds, later than the one before.
     */
    fun add(frame: ByteArray, timestamp: Long) {
        frames.addLast(Pair(timestamp, frame))
        while (frames.first().first <= timestamp - ClipProcessing.CLIP_NANOSECONDS) {
            frames.removeFirst()
            full = true
        }
    }

    /** The model's input from the frames held, or null before the first clip is complete. */
    fun clip(): FloatArray? {
        if (!full) return null
        return ClipProcessing.clip(ClipProcessing.frameIndices(frames.size).map { frames[it].second })
    }
}
