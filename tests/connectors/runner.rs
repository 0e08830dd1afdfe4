//! Plays all cases of all subjects, several at a time for most of them wait, and shows how it went in a table.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::cases;
use super::peers::amqp;
use super::subject::{Case, Subject};
use super::subjects::ELSEWHERE;

/// How many are played at a time.
const AT_ONCE: u64 = 16;
/// Says that this process is for one case alone.
const ALONE: &str = "CONNECTOR_ALONE";

struct Played {
    subject: &'static str,
    case: Case,
    /// What there is to note, or what went wrong.
    ended: Result<String, String>,
    took: Duration,
}

/// As with `cargo test`, arguments are parts of names; other options than `--list` and `--exact` change nothing.
pub fn run(subjects: &[Subject]) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let exact = arguments.iter().any(|argument| argument == "--exact");
    let filters: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let wanted = |name: &str| {
        let fits = |filter: &&String| if exact { name == **filter } else { name.contains(&***filter) };
        filters.is_empty() || filters.iter().any(fits)
    };
    let all = subjects.iter().flat_map(|subject| Case::ALL.map(|case| (subject, case)));
    let mut cases: VecDeque<(&Subject, Case)> = all
        .filter(|(subject, case)| subject.why_not(*case).is_none() && wanted(&name(subject, *case)))
        .collect();
    if arguments.iter().any(|argument| argument == "--list") {
        cases.iter().for_each(|(subject, case)| println!("{}: test", name(subject, *case)));
        return ExitCode::SUCCESS;
    }
    // The long ones first, so that none of them is alone at the end.
    cases
        .make_contiguous()
        .sort_by_key(|(_, case)| !matches!(case, Case::Flapping | Case::BackOff | Case::ManyDeploys));
    println!("running {} tests", cases.len());
    let begun = Instant::now();
    let (cases, played) = (Mutex::new(cases), Mutex::new(Vec::new()));
    let at_once = super::count("CONNECTOR_AT_ONCE", AT_ONCE);
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                loop {
                    let next = cases.lock().unwrap().pop_front();
                    let Some((subject, case)) = next else { break };
                    let one = play(subject, case);
                    tell(&one);
                    played.lock().unwrap().push(one);
                }
            });
        }
    });
    let played = played.into_inner().unwrap();
    if filters.is_empty() {
        table(subjects, &played);
    }
    summary(&played, begun.elapsed())
}

fn name(subject: &Subject, case: Case) -> String {
    format!("{}::{}", subject.name, case.name())
}

fn play(subject: &Subject, case: Case) -> Played {
    let begun = Instant::now();
    let ended = if case == Case::ManyDeploys && std::env::var_os(ALONE).is_none() {
        play_alone(subject, case)
    } else {
        let played = catch_unwind(AssertUnwindSafe(|| cases::play(subject, case)));
        played.map_err(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
        })
    };
    Played { subject: subject.name, case, ended, took: begun.elapsed() }
}

/// In a process of its own, where nothing else opens files or starts threads.
fn play_alone(subject: &Subject, case: Case) -> Result<String, String> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([&name(subject, case), "--exact"]).env(ALONE, "1");
    if subject.name.starts_with("amqp") {
        command.env(amqp::PORT, amqp::port().to_string());
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        return Err(format!("{said}{}", String::from_utf8_lossy(&output.stderr)));
    }
    // The note of the one case, between brackets.
    let line = said.lines().find(|line| line.starts_with("test ")).unwrap_or_default();
    Ok(line.split_once(", ").map_or("", |(_, note)| note.trim_end_matches(')')).to_string())
}

fn tell(one: &Played) {
    let name = format!("test {}::{} ...", one.subject, one.case.name());
    let took = one.took.as_secs_f64();
    match &one.ended {
        Ok(note) if note.is_empty() => println!("{name} ok ({took:.1} s)"),
        Ok(note) => println!("{name} ok ({took:.1} s, {note})"),
        Err(why) => println!("{name} FAILED ({took:.1} s)\n{why}"),
    }
}

/// Subjects by cases, and below it why a case does not apply.
fn table(subjects: &[Subject], played: &[Played]) {
    let mut reasons: Vec<&str> = Vec::new();
    let width = subjects.iter().map(|subject| subject.name.len()).max().unwrap_or_default();
    println!("\n{:width$}  {}", "", Case::ALL.map(Case::name).join("  "));
    for subject in subjects {
        let mut row = format!("{:width$}", subject.name);
        for case in Case::ALL {
            let cell = match subject.why_not(case) {
                Some(why) => {
                    let at = reasons.iter().position(|known| *known == why).unwrap_or_else(|| {
                        reasons.push(why);
                        reasons.len() - 1
                    });
                    format!("({})", at + 1)
                }
                None => {
                    let one = played.iter().find(|one| one.subject == subject.name && one.case == case);
                    one.map_or("-", |one| if one.ended.is_ok() { "ok" } else { "FAILED" }).to_string()
                }
            };
            row += &format!("  {cell:cell_width$}", cell_width = case.name().len());
        }
        println!("{}", row.trim_end());
    }
    for (at, why) in reasons.iter().enumerate() {
        println!("({}) {why}", at + 1);
    }
    for (name, place) in ELSEWHERE {
        println!("{name}: {place}");
    }
}

fn summary(played: &[Played], took: Duration) -> ExitCode {
    let failed: Vec<&Played> = played.iter().filter(|one| one.ended.is_err()).collect();
    for one in &failed {
        println!("failed: {}::{}", one.subject, one.case.name());
    }
    let word = if failed.is_empty() { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {word}. {} passed; {} failed; finished in {:.1}s",
        played.len() - failed.len(),
        failed.len(),
        took.as_secs_f64()
    );
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
