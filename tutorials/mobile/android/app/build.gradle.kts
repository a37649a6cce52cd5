plugins {
    id("com.android.application")
    id("org.jetbrains.kotlin.android")
}

android {
    namespace = "org.pytorchvideo.host"
    compileSdk = 36

    defaultConfig {
        applicationId = "org.pytorchvideo.host"
        minSdk = 26
        targetSdk = 36
        versionCode = 1
        versionName = "1.0"
        // The two that ExecuTorch's AAR is built for: phones and the emulator.
        ndk { abiFilters += listOf("arm64-v8a", "x86_64") }
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }
}

kotlin {
    jvmToolchain(17)
}

dependencies {
    // The version that exported the model, or a later one.
    implementation("org.pytorch:executorch-android:1.5.1")
    val camerax = "1.5.3"
    implementation("androidx.camera:camera-camera2:$camerax")
    implementation("androidx.camera:camera-lifecycle:$camerax")
    implementation("androidx.camera:camera-view:$camerax")
    implementation("androidx.activity:activity-ktx:1.10.1")
}
