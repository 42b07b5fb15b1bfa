//! A service runs the suite against itself, in its own integration tests: five lines, once it listens.
//!
//! The service here is the test deployment of this crate. Use your own instead: the suite needs only its URL, and a
//! key or tokens.

use artos_auth_conformance::{Profile, Suite};
use artos_auth_deployment::{Behavior, Deployment, Power};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let service = Deployment::start(Behavior::correct()).await?;
    let folder = tempfile::tempdir()?;
    let path = service.write_profile(folder.path(), Power::Signing)?;

    let profile = Profile::load(&path, None)?;
    let suite = Suite::new(profile).rate(1_000.0);
    let report = suite.run().await?;
    println!("{}: {}, {} cases passed", report.target, report.verdict, report.summary.passed);
    report.assert_conforms();
    Ok(())
}
