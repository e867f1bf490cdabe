//! The golden scripts as text. What this file alone can catch: a parser that
//! loses a byte of a script it then rewrites, and a printer whose output reads
//! back as another command.

use std::path::PathBuf;

use clusterd_fuzz::protocol::Release;
use clusterd_fuzz::script::upstream::translate;
use clusterd_fuzz::script::{Script, json, json_print, text};

fn scripts() -> Vec<(PathBuf, String)> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let mut scripts: Vec<_> = std::fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "spec"))
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            (path, text)
        })
        .collect();
    scripts.sort();
    scripts
}

#[test]
fn a_script_rewritten_with_its_own_blocks_is_the_same_file() {
    let scripts = scripts();
    assert_eq!(scripts.len(), 25);
    for (path, source) in scripts {
        let script = text::parse(&source).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert_eq!(script.to_string(), source, "{}", path.display());
    }
}

#[test]
fn a_printed_command_reads_back_as_itself() {
    for (path, source) in scripts() {
        let commands = text::parse(&source).unwrap().commands();
        let printed = Script::from_commands(commands.clone()).to_string();
        let again =
            text::parse(&printed).unwrap_or_else(|e| panic!("{}: {e}\n{printed}", path.display()));
        assert_eq!(again.commands(), commands, "{}", path.display());
    }
}

#[test]
fn a_bad_script_is_one_line_with_its_place() {
    let cases = [
        (
            "peek id=1 ts=0\n",
            "line 1: stanza starting at line 1 has no `----` separator",
        ),
        ("# c\n\nfrob\n----\n", "line 3: unknown command `frob`"),
        ("peek id=1\n----\n", "line 1: missing argument `ts`"),
        (
            "  peek id=1 ts=0\n----\n",
            "line 1: directive must not be indented",
        ),
        (
            "peek id=1 ts=x\n----\n",
            "line 1: argument `ts` is not an integer: invalid digit found in string: `x`",
        ),
        (
            "create-dataflow as-of=0\n  build id=1\n----\n",
            "line 1: `build` needs a MIR body",
        ),
        (
            "create-dataflow as-of=0\n    import index=1\n  x\n----\n",
            "line 1: inconsistent indentation: `import index=1`",
        ),
        ("----\n", "line 1: empty command"),
    ];
    for (source, expected) in cases {
        assert_eq!(text::parse(source).unwrap_err().to_string(), expected);
    }
}

#[test]
fn the_size_of_parts_is_said_by_both_forms_and_is_beyond_upstream() {
    let source = "define-schema name=t\n  a bigint\n----\nok\n\n\
                  write-rows shard=s ts=0 part-bytes=64 schema=t\n  1\n----\nwrote 1\n";
    let script = text::parse(source).unwrap();
    assert_eq!(script.to_string(), source);
    let commands = script.commands();
    let theirs = translate(&commands, Release::default()).unwrap();
    assert_eq!(theirs[0].1, commands[0]);
    assert_ne!(theirs[1].1, commands[1]);
    let json = json_print::converted(&script).join("\n");
    assert!(json.contains("\"part_bytes\":64"), "{json}");
    let again = json::parse(&json).unwrap().into_iter();
    assert_eq!(again.map(|(_, c)| c).collect::<Vec<_>>(), commands);
    let bad = source.replace("64", "few");
    let error = text::parse(&bad).unwrap_err().to_string();
    assert!(error.starts_with("line 6: argument `part-bytes` is not an integer"));
}
