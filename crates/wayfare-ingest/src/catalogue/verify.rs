//! Identity verification events.

use super::{EventType, Role, Source};

const fn event(key: &'static str, display_name: &'static str, description: &'static str) -> EventType {
    EventType { source: Source::Verify, key, display_name, description, role: Role::Other }
}

pub(super) const EVENT_TYPES: [EventType; 21] = [
    event("session_started", "Session started", "Indicates starting a verification session."),
    event("consent_approved", "Consent approved", "Indicates saving consent info."),
    event("verification_completed", "Verification completed", "A verification process was completed."),
    event(
        "face_auth_session_completed",
        "Face auth session completed",
        "A face authentication session was completed.",
    ),
    event(
        "verification_status_updated",
        "Verification status updated",
        "Indicates the status of the internal verification process.",
    ),
    event(
        "image_uploaded_info",
        "Image uploaded info",
        "Indicates an image upload, including metadata information (processing time, etc.).",
    ),
    event("error", "Error", "Indicates an error on frontend, such as \"something went wrong\" page."),
    event("sdk_process_completed", "Sdk process completed", "An SDK process was successfully completed."),
    event("session_deleted", "Session deleted", "Indicates a session deletion (via API or by retention)."),
    event("session_created", "Session created", "Indicates creating a new verification session."),
    event("image_capture_clicked", "Image capture clicked", "An image capture action was triggered."),
    event("image_uploaded", "Image uploaded", "An image was uploaded."),
    event("page_loaded", "Page loaded", "Indicates a page load."),
    event(
        "deny_by_restriction_criterion",
        "Deny by restriction criterion",
        "Indicates the verification was rejected based on restriction criteria.",
    ),
    event("read_image_data", "Read image data", "Image data was accessed."),
    event(
        "allow_by_restriction_criterion",
        "Allow by restriction criterion",
        "Indicates the verification can continue according to the restriction criteria.",
    ),
    event("verification_started", "Verification started", "A verification process was initiated."),
    event(
        "user_action_performed",
        "User action performed",
        "Indicates an action was performed by the user, such as a button click.",
    ),
    event("redirect", "Redirect", "Indicates redirection to callback URL."),
    event(
        "face_auth_session_started",
        "Face auth session started",
        "A face authentication session was initiated.",
    ),
    event(
        "check_image_quality",
        "Check image quality",
        "Indicates checking the image quality after capturing an image.",
    ),
];
