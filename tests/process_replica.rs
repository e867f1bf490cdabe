//! Runs the scripts whose golden blocks a real clusterd filled against
//! miniclusterd processes: one, one with four workers, two with two. What this
//! file alone can catch: what depends on threads, sockets, waiting and on more
//! than one process.

use std::path::Path;

use clusterd_fuzz::driver::{CtpTarget, Driver, Origin, PersistHost, ProcessConfig, Processes};
use clusterd_fuzz::persist::PersistClient;
use clusterd_fuzz::protocol::v26_30::{PersistLocation, VERSION};
use clusterd_fuzz::script::play::{Source, play_text};
use clusterd_fuzz::script::runner::{Runner, RunnerConfig};

/// Scripts that need what the replica lacks.
const NOT_YET: &[&str] = &[];

/// Plays one script; what did not go as the golden blocks say.
fn play(name: &str, processes: usize, workers: usize) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let script = std::fs::read_to_string(root.join(format!("scripts/{name}.spec"))).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let blob = folder.path().join("blob");
    std::fs::create_dir(&blob).unwrap();
    let location = PersistLocation {
        blob_uri: format!("file://{}", blob.display()),
        consensus_uri: format!("sqlite:{}", folder.path().join("consensus").display()),
    };
    let client = PersistClient::open(&location.blob_uri, &location.consensus_uri).unwrap();
    let started = Processes::start(ProcessConfig {
        program: env!("CARGO_BIN_EXE_miniclusterd").into(),
        leading_args: Vec::new(),
        extra_args: Vec::new(),
        processes,
        workers,
        directory: folder.path().to_path_buf(),
        pubsub_url: "http://127.0.0.1:9".into(),
    })
    .unwrap();
    let target = CtpTarget::new(Origin::Spawned(started), VERSION.parse().unwrap(), None);
    let driver = Driver::new(PersistHost::new(client, location), Box::new(target));
    let mut runner = Runner::new(driver, RunnerConfig::default(), |_| {});
    runner.connect().unwrap();
    let Ok(Source::Text(mut script)) = Source::parse(&script) else {
        panic!("{name} is a text script");
    };
    let mut out = Vec::new();
    let played = play_text(&mut script, &mut runner, false, &mut out).unwrap();
    if played.failed == 0 {
        return Vec::new();
    }
    let mut target = runner.into_driver().into_target();
    let ended = target.ended();
    let out = String::from_utf8(out).unwrap();
    let lines = out.lines().filter(|line| !line.starts_with("ok: "));
    let mut log = Vec::new();
    for process in 0..processes {
        let path = folder
            .path()
            .join(format!("clusterd-{process}-start-1.log"));
        let text = std::fs::read_to_string(path).unwrap_or_default();
        log.extend(text.lines().rev().take(3).map(str::to_string));
    }
    ended
        .into_iter()
        .chain(lines.map(str::to_string))
        .chain(log)
        .collect()
}

#[test]
fn scripts_answer_alike_over_processes_and_threads() {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let mut names: Vec<String> = std::fs::read_dir(scripts)
        .unwrap()
        .filter_map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            name.strip_suffix(".spec").map(str::to_string)
        })
        .filter(|name| !NOT_YET.contains(&name.as_str()))
        .collect();
    names.sort();
    let mut failed = Vec::new();
    for name in &names {
        for (processes, workers) in [(1, 1), (1, 4), (2, 2)] {
            let began = std::time::Instant::now();
            let problems = play(name, processes, workers);
            eprintln!("{name} {processes}x{workers}: {:?}", began.elapsed());
            if !problems.is_empty() {
                let problems = problems.join("\n  ");
                failed.push(format!("{name} ({processes} x {workers}):\n  {problems}"));
            }
        }
    }
    assert!(failed.is_empty(), "\n{}", failed.join("\n"));
}
