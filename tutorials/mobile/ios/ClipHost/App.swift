import AVFoundation
import SwiftUI

/// Shows the camera, and below it the classes of the last clip.
@main
struct ClipHostApp: App {
    @StateObject private var camera = Camera()

    var body: some Scene {
        WindowGroup {
            VStack {
                CameraPreview(session: camera.session)
                Text(camera.text).monospaced().padding()
            }
            .onAppear { camera.start() }
        }
    }
}

struct CameraPreview: UIViewRepresentable {
    let session: AVCaptureSession

    final class View: UIView {
        override class var layerClass: AnyClass { AVCaptureVideoPreviewLayer.self }
    }

    func makeUIView(context: Context) -> View {
        let view = View()
        if let layer = view.layer as? AVCaptureVideoPreviewLayer {
            layer.session = session
            layer.videoGravity = .resizeAspectFill
        }
        return view
    }

    func updateUIView(_ view: View, context: Context) {}
}
