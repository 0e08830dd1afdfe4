//! `tidegate doctor`: looks at what a gateway needs, and says what is not as it should be and what to do about it. It
//! starts nothing and changes nothing; a gateway may be running meanwhile.

mod data;
mod machine;
mod network;
#[cfg(test)]
mod tests;

use clap::Args;
use serde::Serialize;

use super::data_dir::DataDir;
use super::settings::{Flags, Settings};
use super::{Outcome, output};

/// Look at the disk, the clock, ports, permissions and brokers, and say what to do about what is wrong
///
/// The exit code is 1 when something keeps the gateway from working; what only deserves a look is a warning.
#[derive(Debug, Args)]
pub struct Doctor {
    #[command(flatten)]
    data: DataDir,
    #[command(flatten)]
    settings: Flags,
    /// Print one JSON object a finding
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Warning,
    Bad,
}

/// What was looked at, how it is, and what to do.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Finding {
    about: &'static str,
    verdict: Verdict,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

impl Finding {
    fn ok(about: &'static str, found: impl Into<String>) -> Finding {
        Finding { about, verdict: Verdict::Ok, found: found.into(), advice: None }
    }

    fn warning(about: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Finding {
        Finding { about, verdict: Verdict::Warning, found: found.into(), advice: Some(advice.into()) }
    }

    fn bad(about: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Finding {
        Finding { about, verdict: Verdict::Bad, found: found.into(), advice: Some(advice.into()) }
    }
}

impl Doctor {
    pub fn run(self) -> anyhow::Result<Outcome> {
        let directory = self.data.path();
        let mut findings = data::directory(&directory);
        findings.extend(machine::clock(&directory));
        findings.extend(machine::hardware(std::path::Path::new("/")));
        match Settings::load(&directory, &self.settings) {
            Ok(settings) => {
                findings.push(Finding::ok("settings", "they are understood"));
                findings.extend(network::listener(&settings, &directory));
                findings.extend(network::certificate(&settings, &directory));
            }
            Err(error) => findings.push(Finding::bad(
                "settings",
                format!("{error:#}"),
                "mend that line, or take it out",
            )),
        }
        let (stored, document) = data::configuration(&directory);
        findings.extend(stored);
        if let Some(document) = document {
            findings.extend(network::brokers(&document));
        }
        let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
        let (bad, warnings) = (count(Verdict::Bad), count(Verdict::Warning));
        for finding in &findings {
            show(finding, self.json)?;
        }
        if !self.json {
            let summary = match (bad, warnings) {
                (0, 0) => "all is well".to_string(),
                (0, warnings) => format!("it works; {}", output::plural(warnings, "warning")),
                (bad, warnings) => {
                    format!(
                        "{} to mend, {}",
                        output::plural(bad, "thing"),
                        output::plural(warnings, "warning")
                    )
                }
            };
            output::line(format_args!("\n{summary}"));
        }
        Ok(if bad > 0 { Outcome::Failed } else { Outcome::Done })
    }
}

fn show(finding: &Finding, json: bool) -> anyhow::Result<()> {
    if json {
        return output::json_line(finding);
    }
    let word = match finding.verdict {
        Verdict::Ok => "ok",
        Verdict::Warning => "look",
        Verdict::Bad => "MEND",
    };
    output::line(format_args!("{word:<5} {:<12} {}", finding.about, finding.found));
    if let Some(advice) = &finding.advice {
        output::line(format_args!("{:19}-> {advice}", ""));
    }
    Ok(())
}
