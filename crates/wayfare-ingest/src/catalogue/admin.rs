//! Administration events.

use super::{EventType, Role, Source};

const fn event(key: &'static str, display_name: &'static str, description: &'static str) -> EventType {
    EventType { source: Source::Admin, key, display_name, description, role: Role::Other }
}

pub(super) const EVENT_TYPES: [EventType; 24] = [
    event("add_admin", "addAdmin", "A new admin user was created"),
    event("admin_create_tenant", "adminCreateTenant", "A new tenant was created"),
    event("admin_login", "adminLogin", "An admin user logged in"),
    event("admin_logout", "adminLogout", "An admin user logged out"),
    event("admin_update_tenant", "adminUpdateTenant", "The tenant was modified"),
    event("admin_update_user", "adminUpdateUser", "An admin modified a user"),
    event(
        "admin_recovery_otp_code_generated",
        "admin_recovery_otp_code_generated",
        "An admin generated a temporary access code for a user via the Admin Portal or journeys",
    ),
    event("create_api_token", "createApiToken", "An API token was created"),
    event(
        "enable_app_specific_signing_key",
        "enableAppSpecificSigningKey",
        "Token signing with an app-specific key was enabled",
    ),
    event(
        "disable_app_specific_signing_key",
        "disableAppSpecificSigningKey",
        "Token signing with an app-specific key was disabled",
    ),
    event("create_app", "createApp", "An new app was created"),
    event("create_mgmt_app", "createMgmtApp", "A new management app was created"),
    event("create_user", "createUser", "A new user was created"),
    event("delete_api_token", "deleteApiToken", "An API token was deleted"),
    event("delete_app", "deleteApp", "An app was deleted"),
    event("delete_mgmt_app", "deleteMgmtApp", "A management app was deleted"),
    event("delete_user", "deleteUser", "A user was deleted"),
    event("edit_auth_settings", "editAuthSettings", "An app's authentication settings were modified"),
    event("edit_general_settings", "editGeneralSettings", "General settings were modified"),
    event("remove_admin", "removeAdmin", "An admin user was removed"),
    event("update_app", "updateApp", "An app was modified"),
    event("update_mgmt_app", "updateMgmtApp", "A management app was modified"),
    event("edit_preview_policy", "editPreviewPolicy", "A preview policy was modified"),
    event("push_policy_to_production", "pushPolicyToProduction", "A preview policy was pushed to production"),
];
