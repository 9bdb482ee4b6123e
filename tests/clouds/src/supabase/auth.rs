//! The members of a project's sign-in settings. Nearly all are null here: what matters is that an answer has
//! them, for a plugin must pick out of more than two hundred, secrets of mail servers among them.

use serde_json::{Map, Value, json};

/// Providers of sign-in with the four members that each of them has.
const PROVIDERS: &str = "\
    apple azure bitbucket discord facebook figma github gitlab google kakao keycloak linkedin_oidc \
    slack_oidc notion slack spotify twitch twitter x zoom";
/// Mails with a subject and a template; those that end in `_notification` can be switched on.
const MAILS: &str = "\
    confirmation email_change invite magic_link reauthentication recovery password_changed_notification \
    email_changed_notification phone_changed_notification mfa_factor_enrolled_notification \
    mfa_factor_unenrolled_notification identity_linked_notification identity_unlinked_notification";
/// Hooks with the three members that each of them has.
const HOOKS: &str = "\
    custom_access_token mfa_verification_attempt password_verification_attempt send_sms send_email \
    before_user_created after_user_created";
/// The others that may be null.
const OTHERS: &str = "\
    api_max_request_duration db_max_pool_size db_max_pool_size_unit external_anonymous_users_enabled \
    external_apple_additional_client_ids external_azure_url external_email_enabled external_gitlab_url \
    external_google_additional_client_ids external_google_skip_nonce_check external_keycloak_url \
    external_phone_enabled external_web3_ethereum_enabled external_web3_solana_enabled \
    external_workos_client_id external_workos_enabled external_workos_secret external_workos_url \
    mailer_allow_unverified_email_sign_ins mailer_autoconfirm mailer_otp_length \
    mailer_secure_email_change_enabled mfa_max_enrolled_factors mfa_phone_enroll_enabled \
    mfa_phone_max_frequency mfa_phone_template mfa_phone_verify_enabled mfa_totp_enroll_enabled \
    mfa_totp_verify_enabled mfa_web_authn_enroll_enabled mfa_web_authn_verify_enabled \
    nimbus_oauth_client_id nimbus_oauth_client_secret nimbus_oauth_email_optional \
    oauth_server_authorization_path password_hibp_enabled password_min_length \
    password_required_characters rate_limit_anonymous_users rate_limit_email_sent rate_limit_otp \
    rate_limit_sms_sent rate_limit_token_refresh rate_limit_verify rate_limit_web3 \
    refresh_token_rotation_enabled saml_allow_encrypted_assertions saml_enabled saml_external_url \
    security_captcha_enabled security_captcha_provider security_captcha_secret \
    security_manual_linking_enabled security_refresh_token_reuse_interval \
    security_sb_forwarded_for_enabled security_update_password_require_reauthentication \
    sessions_inactivity_timeout sessions_single_per_user sessions_tags sessions_timebox sms_autoconfirm \
    sms_max_frequency sms_messagebird_access_key sms_messagebird_originator sms_otp_exp sms_provider \
    sms_template sms_test_otp sms_test_otp_valid_until sms_textlocal_api_key sms_textlocal_sender \
    sms_twilio_account_sid sms_twilio_auth_token sms_twilio_content_sid sms_twilio_message_service_sid \
    sms_twilio_verify_account_sid sms_twilio_verify_auth_token sms_twilio_verify_message_service_sid \
    sms_vonage_api_key sms_vonage_api_secret sms_vonage_from smtp_admin_email smtp_host \
    smtp_max_frequency smtp_pass smtp_port smtp_sender_name smtp_user webauthn_rp_display_name \
    webauthn_rp_id webauthn_rp_origins";

/// The settings of a new project.
pub(super) fn defaults() -> Map<String, Value> {
    let mut names: Vec<String> = OTHERS.split_whitespace().map(str::to_owned).collect();
    for provider in PROVIDERS.split_whitespace() {
        let members = ["enabled", "client_id", "email_optional", "secret"];
        names.extend(members.map(|member| format!("external_{provider}_{member}")));
    }
    for mail in MAILS.split_whitespace() {
        names.push(format!("mailer_subjects_{mail}"));
        names.push(format!("mailer_templates_{mail}_content"));
        if let Some(change) = mail.strip_suffix("_notification") {
            names.push(format!("mailer_notifications_{change}_enabled"));
        }
    }
    for hook in HOOKS.split_whitespace() {
        names.extend(["enabled", "uri", "secrets"].map(|member| format!("hook_{hook}_{member}")));
    }
    let mut settings: Map<String, Value> = names.into_iter().map(|name| (name, Value::Null)).collect();
    let set = json!({
        "site_url": "http://localhost:3000", "uri_allow_list": "", "disable_signup": false, "jwt_exp": 3600,
        "mailer_otp_exp": 3600, "passkey_enabled": false, "mfa_phone_otp_length": 6, "sms_otp_length": 6,
        "oauth_server_enabled": false, "oauth_server_allow_dynamic_registration": false,
        "custom_oauth_enabled": false, "custom_oauth_max_providers": 0,
    });
    settings.extend(set.as_object().cloned().unwrap_or_default());
    settings
}
