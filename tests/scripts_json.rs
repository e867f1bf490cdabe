//! The JSON forms of six scenario scripts say what their text forms say. What
//! this file alone can catch: one of the two that drifts.

use std::path::Path;

use clusterd_fuzz::script::{json_print, text};

const SCRIPTS: [&str; 6] = [
    "index",
    "deep_history",
    "side_effects",
    "multi_dataflow",
    "reconciliation",
    "error_behavior",
];

#[test]
fn both_forms_of_a_script_say_the_same() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    for name in SCRIPTS {
        let script = std::fs::read_to_string(folder.join(format!("{name}.spec"))).unwrap();
        let expected = json_print::converted(&text::parse(&script).unwrap());
        let path = folder.join(format!("{name}.jsonl"));
        if std::env::var_os("REWRITE").is_some() {
            std::fs::write(&path, expected.join("\n") + "\n").unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap();
        assert_eq!(written.lines().collect::<Vec<_>>(), expected, "{name}");
    }
}
