import AVFoundation
import SwiftUI

/// Gathers the camera's frames, and classifies the clip that each ends unless the model is at work.
final class Camera: NSObject, ObservableObject, AVCaptureVideoDataOutputSampleBufferDelegate {
    @Published private(set) var text = "Gathering the first clip ..."
    let session = AVCaptureSession()
    private let frames = DispatchQueue(label: "frames")
    private let inference = DispatchQueue(label: "inference")
    private let idle = DispatchSemaphore(value: 1)
    private var buffer = ClipBuffer()
    private var classifier: ClipClassifier?

    func start() {
        AVCaptureDevice.requestAccess(for: .video) { granted in
            self.frames.async {
                do {
                    guard granted else {
                        throw ModelError(
                            errorDescription: "Allow the camera to classify what it sees.")
                    }
                    self.classifier = try ClipClassifier()
                    try self.openCamera()
                } catch {
                    self.show(error.localizedDescription)
                }
            }
        }
    }

    private func openCamera() throws {
        guard
            let device = AVCaptureDevice.default(
                .builtInWideAngleCamera, for: .video, position: .back)
        else {
            throw ModelError(errorDescription: "This device has no camera on its back.")
        }
        let output = AVCaptureVideoDataOutput()
        output.videoSettings = [
            kCVPixelBufferPixelFormatTypeKey as String: kCVPixelFormatType_32BGRA
        ]
        output.alwaysDiscardsLateVideoFrames = true
        output.setSampleBufferDelegate(self, queue: frames)
        session.beginConfiguration()
        session.sessionPreset = .vga640x480
        session.addInput(try AVCaptureDeviceInput(device: device))
        session.addOutput(output)
        if let connection = output.connection(with: .video),
            connection.isVideoRotationAngleSupported(90) {
            connection.videoRotationAngle = 90  // upright in portrait
        }
        session.commitConfiguration()
        session.startRunning()
    }

    func captureOutput(
        _ output: AVCaptureOutput, didOutput sampleBuffer: CMSampleBuffer,
        from connection: AVCaptureConnection
    ) {
        guard let image = CMSampleBufferGetImageBuffer(sampleBuffer) else { return }
        CVPixelBufferLockBaseAddress(image, .readOnly)
        defer { CVPixelBufferUnlockBaseAddress(image, .readOnly) }
        guard let address = CVPixelBufferGetBaseAddress(image) else { return }
        let frame = ClipProcessing.frame(
            UnsafePointer(address.assumingMemoryBound(to: UInt8.self)),
            CVPixelBufferGetHeight(image), CVPixelBufferGetWidth(image),
            CVPixelBufferGetBytesPerRow(image), 2)
        let began = CMSampleBufferGetPresentationTimeStamp(sampleBuffer)
        let time = CMTimeConvertScale(began, timescale: 1_000_000_000, method: .default)
        buffer.add(frame, timestamp: time.value)
        guard idle.wait(timeout: .now()) == .success else { return }
        guard let clip = buffer.clip(), let classifier else {
            idle.signal()
            return
        }
        inference.async {
            defer { self.idle.signal() }
            do {
                let lines = try classifier.classify(clip).map {
                    String(format: "%3.0f %%  ", 100 * $0.probability) + $0.name
                }
                self.show(lines.joined(separator: "\n"))
            } catch {
                self.show(error.localizedDescription)
            }
        }
    }

    private func show(_ text: String) {
        DispatchQueue.main.async { self.text = text }
    }
}
