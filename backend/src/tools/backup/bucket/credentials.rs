//! Where the right to use the storage comes from: the variables and the file that Amazon's own tools read. No option takes a secret: other users of a machine see those.

use std::path::PathBuf;

use rusty_s3::Credentials;

use crate::tools::ToolError;

/// The credentials of the environment, or of the file that it names, or of `~/.aws/credentials`.
pub(super) fn find() -> Result<Credentials, ToolError> {
    if let Some(found) = Credentials::from_env() {
        return Ok(found);
    }
    let named = std::env::var_os("AWS_SHARED_CREDENTIALS_FILE").map(PathBuf::from);
    let path = named.clone().or_else(|| Some(std::env::home_dir()?.join(".aws/credentials")));
    let path = path.filter(|path| named.is_some() || path.exists());
    let Some(path) = path else {
        return Err(ToolError::Refused(
            "there are no credentials for the storage; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or \
             AWS_SHARED_CREDENTIALS_FILE to a file that has them"
                .into(),
        ));
    };
    let text = std::fs::read_to_string(&path).map_err(ToolError::file(&path))?;
    let profile = std::env::var("AWS_PROFILE").unwrap_or_else(|_| "default".into());
    of_file(&text, &profile).ok_or_else(|| {
        ToolError::Refused(format!(
            "{}: there is no section [{profile}] with aws_access_key_id and aws_secret_access_key",
            path.display()
        ))
    })
}

/// The credentials in a section of such a file.
fn of_file(text: &str, profile: &str) -> Option<Credentials> {
    let (mut is_in_section, mut id, mut secret, mut token) = (false, None, None, None);
    for line in text.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            is_in_section = section.trim() == profile;
        } else if is_in_section && let Some((name, value)) = line.split_once('=') {
            let value = Some(value.trim().to_owned());
            match name.trim() {
                "aws_access_key_id" => id = value,
                "aws_secret_access_key" => secret = value,
                "aws_session_token" => token = value,
                _ => {}
            }
        }
    }
    let (id, secret) = (id?, secret?);
    Some(match token {
        Some(token) => Credentials::new_with_token(id, secret, token),
        None => Credentials::new(id, secret),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_of_the_file_has_the_credentials() {
        let text = "# mine\n[default]\naws_access_key_id = one\naws_secret_access_key=two=\n\n[other]\n\
            aws_access_key_id=three\naws_secret_access_key=four\naws_session_token = five\n[half]\naws_access_key_id=six\n";
        assert!(of_file(text, "default") == Some(Credentials::new("one", "two=")));
        assert!(of_file(text, "other") == Some(Credentials::new_with_token("three", "four", "five")));
        assert!(of_file(text, "half").is_none() && of_file(text, "none").is_none());
    }
}
