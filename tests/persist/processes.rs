//! Several processes on one shard. What this file alone can catch: a write
//! that is lost or doubled because two processes believed that they won.

use std::process::{Child, Command};

use clusterd_fuzz::persist::consensus::{CaSResult, SCAN_ALL};
use clusterd_fuzz::persist::{
    PersistClient, SeqNo, SourceDatum, VersionedData, check, open_consensus,
};
use clusterd_fuzz::repr::{Antichain, Datum, RelationDesc, Row, ShardId, SqlScalarType};

use crate::postgres;

const CHILD: &str = "PERSIST_TEST_CHILD";
const BLOB: &str = "PERSIST_TEST_BLOB";
const CONSENSUS: &str = "PERSIST_TEST_CONSENSUS";
const WRITERS: i64 = 4;
const WRITES: i64 = 40;

fn shard() -> ShardId {
    "s00000000-0000-4000-8000-00000000beef".parse().unwrap()
}

fn desc() -> RelationDesc {
    RelationDesc::from_columns([
        ("writer", SqlScalarType::Int64, false),
        ("n", SqlScalarType::Int64, false),
    ])
}

fn row(writer: i64, n: i64) -> SourceDatum {
    Ok(Row::pack([Datum::Int64(writer), Datum::Int64(n)]))
}

/// Not a test of its own: what the child processes of the others run.
#[test]
fn child_writes_its_rows_at_whatever_upper_it_finds() {
    let Ok(writer) = std::env::var(CHILD) else {
        return;
    };
    let writer: i64 = writer.parse().unwrap();
    let blob = std::env::var(BLOB).unwrap();
    let client = PersistClient::open(&blob, &std::env::var(CONSENSUS).unwrap()).unwrap();
    let mut handle = client.open_writer(shard(), &desc(), "racing").unwrap();
    let mut upper = 0;
    for n in 0..WRITES {
        loop {
            let update = [(row(writer, n), upper, 1)];
            let (from, to) = (Antichain::from_elem(upper), Antichain::from_elem(upper + 1));
            match handle.compare_and_append(&update, from, to).unwrap() {
                Ok(()) => {
                    upper += 1;
                    break;
                }
                Err(mismatch) => upper = mismatch.current.as_option().unwrap(),
            }
        }
    }
}

/// Lets processes race on a shard in these stores.
pub fn race(blob: &str, consensus: &str) {
    let spawn = |writer: i64| -> Child {
        Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "processes::child_writes_its_rows_at_whatever_upper_it_finds",
            ])
            .env(CHILD, writer.to_string())
            .env(BLOB, blob)
            .env(CONSENSUS, consensus)
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap()
    };
    let children: Vec<Child> = (0..WRITERS).map(spawn).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let client = PersistClient::open(blob, consensus).unwrap();
    let total = WRITERS * WRITES;
    assert_eq!(
        client.upper(shard()).unwrap(),
        Antichain::from_elem(total as u64)
    );
    let reader = client.open_leased_reader(shard(), &desc(), "test").unwrap();
    let rows = reader.snapshot(total as u64 - 1).unwrap();
    let expected: std::collections::BTreeSet<SourceDatum> = (0..WRITERS)
        .flat_map(|w| (0..WRITES).map(move |n| row(w, n)))
        .collect();
    assert_eq!(rows.len(), expected.len());
    assert!(
        rows.iter()
            .all(|(key, _, d)| *d == 1 && expected.contains(key))
    );
    let report = check(client.blob(), client.consensus(), shard()).unwrap();
    assert_eq!(report.broken, Vec::<String>::new());
}

#[test]
fn four_processes_that_race_lose_nothing_in_sqlite_and_files() {
    let dir = tempfile::tempdir().unwrap();
    race(
        &format!("file://{}", dir.path().join("blob").display()),
        &format!("sqlite:{}", dir.path().join("consensus.db").display()),
    );
}

#[test]
fn four_processes_that_race_lose_nothing_in_postgres_and_files() {
    let Some(server) = postgres::server("four_processes_that_race") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let blob = format!("file://{}", dir.path().join("blob").display());
    race(&blob, &server.url());
}

/// `spec/v26_39.md` §6.2.
#[test]
fn the_sentinel_of_a_newer_program_is_passed_over_and_stays() {
    let Some(server) = postgres::server("the_sentinel_of_a_newer_program") else {
        return;
    };
    if Command::new("psql").arg("--version").output().is_err() {
        eprintln!("the_sentinel_of_a_newer_program: skipped, there is no psql");
        return;
    }
    let sql = |statement: &str| {
        let output = Command::new("psql")
            .arg(server.plain_url())
            .args([
                "--quiet",
                "--tuples-only",
                "--no-align",
                "--command",
                statement,
            ])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let store = open_consensus(&server.url()).unwrap();
    let key = "s00000000-0000-4000-8000-00000000c0de";
    let value = |n| VersionedData {
        seqno: SeqNo(n),
        data: vec![n as u8].into(),
    };
    for n in 0..3 {
        let set = store.compare_and_set(key, value(n)).unwrap();
        assert_eq!(set, CaSResult::Committed);
    }
    sql(&format!(
        "INSERT INTO consensus.consensus VALUES ('{key}', -1, '')"
    ));
    assert_eq!(store.head(key).unwrap(), Some(value(2)));
    let all = store.scan(key, SeqNo::MIN, SCAN_ALL).unwrap();
    assert_eq!(all, [value(0), value(1), value(2)]);
    assert_eq!(store.truncate(key, SeqNo(2)).unwrap(), Some(2));
    let left = "SELECT sequence_number FROM consensus.consensus WHERE shard =";
    let left = sql(&format!("{left} '{key}' ORDER BY 1"));
    assert_eq!(left, "-1\n2\n");
}
