//! Writes a profile for a checker, and the files with its key or tokens.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::authority::{AUDIENCE, AtHand, ISSUER, ORG, OTHER_ORG, PERMISSION, authority};
use crate::path::{GENERATE, OWNED, PROTECTED, PUBLIC};
use crate::{Deployment, Fault, Variation};

/// The credentials available to a checker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Power {
    /// A key that the deployment trusts, and the tokens that cannot be minted.
    Signing,
    /// Only tokens.
    Tokens,
}

impl Deployment {
    /// Writes a profile of this deployment into a folder, and returns its path.
    ///
    /// # Errors
    ///
    /// If a file cannot be written.
    pub fn write_profile(&self, folder: &Path, power: Power) -> io::Result<PathBuf> {
        let mut text = format!(
            "target = \"{}\"\nallow_writes = true\n\n[endpoints]\n\
             public = {{ path = \"{PUBLIC}\" }}\n\
             protected = {{ path = \"{PROTECTED}\" }}\n\
             owned = {{ path = \"{OWNED}\", organization = \"{ORG}\" }}\n\
             permission = {{ method = \"POST\", path = \"{GENERATE}\", permission = \"{PERMISSION}\" }}\n\n\
             [tokens]\n",
            self.url()
        );
        for which in AtHand::ALL {
            let unmintable = matches!(
                which,
                AtHand::Revoked
                    | AtHand::OtherRealm
                    | AtHand::NotAMember
                    | AtHand::NotConfigured
                    | AtHand::OtherEnvironment
            );
            if power == Power::Tokens || unmintable {
                let file = format!("{}.jwt", which.name());
                write_secret(&folder.join(&file), self.token(which))?;
                text.push_str(&format!("{} = {{ file = \"{file}\" }}\n", which.name()));
            }
        }
        if power == Power::Signing {
            let jwk = authority().private_jwk(self.behavior().algorithm);
            write_secret(&folder.join("signing.jwk.json"), &jwk.to_string())?;
            text.push_str(&format!(
                "\n[signing]\nkey = \"signing.jwk.json\"\norganization = \"{ORG}\"\n\
                 other_organization = \"{OTHER_ORG}\"\nuser = \"test-user\"\npermissions = [\"{PERMISSION}\"]\n"
            ));
            let behavior = self.behavior();
            if behavior.variation != Some(Variation::EnvironmentUnnamed)
                && behavior.fault != Some(Fault::UnnamedAudienceAccepted)
            {
                text.push_str(&format!("issuer = \"{ISSUER}\"\naudience = \"{AUDIENCE}\"\n"));
            }
        }
        let path = folder.join("profile.toml");
        std::fs::write(&path, text)?;
        Ok(path)
    }
}

/// Writes a file that only its owner can read.
fn write_secret(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}
