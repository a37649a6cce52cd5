package org.pytorchvideo.host

import android.Manifest
import android.graphics.Color
import android.os.Bundle
import android.util.Size
import android.view.Gravity
import android.widget.FrameLayout
import android.widget.TextView
import androidx.activity.ComponentActivity
import androidx.activity.result.contract.ActivityResultContracts
import androidx.camera.core.CameraSelector
import androidx.camera.core.ImageAnalysis
import androidx.camera.core.ImageProxy
import androidx.camera.core.Preview
import androidx.camera.core.resolutionselector.ResolutionSelector
import androidx.camera.core.resolutionselector.ResolutionStrategy
import androidx.camera.lifecycle.ProcessCameraProvider
import androidx.camera.view.PreviewView
import androidx.core.content.ContextCompat
import java.util.concurrent.Executors
import java.util.concurrent.atomic.AtomicBoolean

/** Shows the camera, and below it the classes of the last clip. */
class MainActivity : ComponentActivity() {
    private lateinit var preview: PreviewView
    private lateinit var text: TextView
    private var classifier: ClipClassifier? = null
    private val buffer = ClipBuffer()
    private val camera = Executors.newSingleThreadExecutor()
    private val inference = Executors.newSingleThreadExecutor()
    private val busy = AtomicBoolean(false)

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        preview = PreviewView(this)
        text = TextView(this).apply {
            textSize = 18f
            setTextColor(Color.WHITE)
            setBackgroundColor(Color.BLACK)
        }
        val below = FrameLayout.LayoutParams(
            FrameLayout.LayoutParams.MATCH_PARENT,
            FrameLayout.LayoutParams.WRAP_CONTENT,
            Gravity.BOTTOM,
        )
        setContentView(FrameLayout(this).apply {
            addView(preview)
            addView(text, below)
        })
        inference.execute {
            try {
                classifier = ClipClassifier(this)
            } catch (error: Exception) { // no model, another model, or one that does not load
                show(error.message ?: error.toString())
            }
        }
        registerForActivityResult(ActivityResultContracts.RequestPermission()) { granted ->
            if (granted) startCamera() else show("Allow the camera to classify what it sees.")
        }.launch(Manifest.permission.CAMERA)
    }

    override fun onDestroy() {
        super.onDestroy()
        camera.shutdown()
        inference.shutdown()
    }

    private fun startCamera() {
        val future = ProcessCameraProvider.getInstance(this)
        future.addListener({
            val view = Preview.Builder().build()
            view.setSurfaceProvider(preview.surfaceProvider)
            val analysis = ImageAnalysis.Builder()
                .setResolutionSelector(
                    ResolutionSelector.Builder()
                        .setResolutionStrategy(
                            ResolutionStrategy(
                                Size(640, 480),
                                ResolutionStrategy.FALLBACK_RULE_CLOSEST_HIGHER_THEN_LOWER,
                            )
                        )
                        .build()
                )
                .setOutputImageFormat(ImageAnalysis.OUTPUT_IMAGE_FORMAT_RGBA_8888)
                .setOutputImageRotationEnabled(true) // upright, however the phone is held
                .setBackpressureStrategy(ImageAnalysis.STRATEGY_KEEP_ONLY_LATEST)
                .build()
            analysis.setAnalyzer(camera, ::analyze)
            val provider = future.get()
            provider.unbindAll()
            provider.bindToLifecycle(this, CameraSelector.DEFAULT_BACK_CAMERA, view, analysis)
        }, ContextCompat.getMainExecutor(this))
    }

    /** Keep a frame, and classify the clip that it ends unless the model is still at work. */
    private fun analyze(image: ImageProxy) {
        val plane = image.planes[0]
        val pixels = ByteArray(plane.buffer.remaining())
        plane.buffer.get(pixels)
        val frame = ClipProcessing.frame(pixels, image.height, image.width, plane.rowStride, 0)
        buffer.add(frame, image.imageInfo.timestamp)
        image.close()
        if (!busy.compareAndSet(false, true)) return
        val clip = buffer.clip()
        if (clip == null) {
            busy.set(false)
            return
        }
        inference.execute {
            classifier?.classify(clip)?.let { best ->
                show(best.joinToString("\n") { "%3.0f %%  %s".format(100 * it.probability, it.name) })
            }
            busy.set(false)
        }
    }

    private fun show(message: String) = runOnUiThread { text.text = message }
}
