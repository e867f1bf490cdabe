//! Edits of single commands: fewer options, shorter keys, defaults.
//!
//! Invariant: each candidate differs from the command in one option or part.

use crate::plan::Relation;
use crate::repr::GlobalId;
use crate::script::{
    Command, CreateDataflow, DEFAULT_TIMEOUT_SECS, Every, Export, Refresh, Selection, Setting,
};

/// The settings without one of them.
fn fewer(settings: &[Setting]) -> impl Iterator<Item = Vec<Setting>> {
    (0..settings.len()).map(|at| {
        let mut settings = settings.to_vec();
        settings.remove(at);
        settings
    })
}

/// Simpler forms of one command: fewer options, shorter keys, defaults.
pub fn simpler_options(command: &Command) -> Vec<Command> {
    let mut out = Vec::new();
    match command {
        Command::CreateInstance {
            expiration_offset,
            arrangement_dictionary_compression,
            settings,
        } => {
            out.push(Command::CreateInstance {
                expiration_offset: None,
                arrangement_dictionary_compression: false,
                settings: Vec::new(),
            });
            out.extend(fewer(settings).map(|settings| Command::CreateInstance {
                expiration_offset: expiration_offset.clone(),
                arrangement_dictionary_compression: *arrangement_dictionary_compression,
                settings,
            }));
        }
        Command::UpdateConfiguration { settings } => {
            let fewer = fewer(settings);
            out.extend(fewer.map(|settings| Command::UpdateConfiguration { settings }));
        }
        Command::AwaitFrontier { id, ts, .. } => out.push(Command::AwaitFrontier {
            id: *id,
            ts: *ts,
            timeout_secs: DEFAULT_TIMEOUT_SECS,
            allow_timeout: false,
        }),
        Command::DefineSchema { name, columns } => {
            for at in 0..columns.len() {
                if columns[at].nullable {
                    let mut columns = columns.clone();
                    columns[at].nullable = false;
                    out.push(Command::DefineSchema {
                        name: name.clone(),
                        columns,
                    });
                }
                let plain = format!("{}", (b'a' + (at % 26) as u8) as char);
                if columns[at].name != plain {
                    let mut columns = columns.clone();
                    columns[at].name = plain;
                    out.push(Command::DefineSchema {
                        name: name.clone(),
                        columns,
                    });
                }
            }
        }
        Command::DefineIndex { key, .. } => {
            for shorter in shorter_keys(key) {
                let mut simpler = command.clone();
                if let Command::DefineIndex { key, .. } = &mut simpler {
                    *key = shorter;
                }
                out.push(simpler);
            }
        }
        Command::Peek { selection, .. } | Command::StartPeek { selection, .. } => {
            for less in simpler_selections(selection) {
                let mut simpler = command.clone();
                if let Some(selection) = simpler.selection_mut() {
                    *selection = less;
                }
                out.push(simpler);
            }
        }
        Command::CreateDataflow(dataflow) => {
            out.extend(
                simpler_dataflows(dataflow)
                    .into_iter()
                    .map(Command::CreateDataflow),
            );
        }
        Command::Kill {
            replica,
            replaced: true,
        } => out.push(Command::Kill {
            replica: *replica,
            replaced: false,
        }),
        // Where a drop is as good as a compaction, the latter is simpler.
        Command::AllowCompaction { id, frontier: None } => out.push(Command::AllowCompaction {
            id: *id,
            frontier: Some(0),
        }),
        // Parts as writers make them; then ones of a row, then of a few.
        Command::WriteRows {
            part_bytes: Some(known),
            ..
        } => {
            for bytes in [None, Some(1), Some(64), Some(100)] {
                let mut simpler = command.clone();
                if let Command::WriteRows { part_bytes, .. } = &mut simpler {
                    *part_bytes = bytes.map(|bytes| bytes.min(*known));
                }
                out.push(simpler);
            }
        }
        Command::ExpectError { command } => {
            for inner in simpler_options(command) {
                out.push(Command::ExpectError {
                    command: Box::new(inner),
                });
            }
        }
        Command::InitializationComplete
        | Command::Reconnect
        | Command::Restart
        | Command::Kill {
            replaced: false, ..
        }
        | Command::WriteSingleTs { .. }
        | Command::WriteSpread { .. }
        | Command::WriteRows {
            part_bytes: None, ..
        }
        | Command::Schedule { .. }
        | Command::AllowCompaction {
            frontier: Some(_), ..
        }
        | Command::AllowWrites { .. }
        | Command::Count { .. }
        | Command::PeekCount { .. }
        | Command::ExpectCount { .. }
        | Command::AwaitSubscribe { .. }
        | Command::AwaitPeek { .. }
        | Command::CancelPeek { .. }
        | Command::DowngradeSince { .. } => {}
    }
    out.retain(|simpler| simpler != command);
    out
}

fn shorter_keys(key: &[usize]) -> Vec<Vec<usize>> {
    let mut out = vec![Vec::new(), (0..key.len()).collect()];
    for at in 0..key.len() {
        let mut shorter = key.to_vec();
        shorter.remove(at);
        out.push(shorter);
    }
    out
}

/// The selection without one of its parts, or with less of one.
fn simpler_selections(selection: &Selection) -> Vec<Selection> {
    let mut out = Vec::new();
    let mut edit = |f: &dyn Fn(&mut Selection)| {
        let mut simpler = selection.clone();
        f(&mut simpler);
        if simpler != *selection {
            out.push(simpler);
        }
    };
    edit(&|s| *s = Selection::default());
    edit(&|s| s.literals.clear());
    edit(&|s| s.order_by.clear());
    edit(&|s| s.limit = None);
    edit(&|s| s.offset = 0);
    edit(&|s| s.plan = None);
    // What is ordered may be a column that only the plan gives.
    edit(&|s| {
        if s.plan.take().is_some() {
            s.order_by.iter_mut().for_each(|order| order.column = 0);
        }
    });
    for at in 0..selection.literals.len() {
        edit(&|s| {
            s.literals.remove(at);
        });
    }
    for at in 0..selection.order_by.len() {
        edit(&|s| {
            s.order_by.remove(at);
        });
        edit(&|s| s.order_by[at].desc = false);
        edit(&|s| s.order_by[at].nulls_last = false);
    }
    for limit in [0, 1] {
        edit(&|s| {
            if s.limit.is_some_and(|known| known > limit) {
                s.limit = Some(limit);
            }
        });
    }
    out
}

/// No schedule, and ones of a part of its times.
fn simpler_schedules(refresh: Option<&Refresh>) -> Vec<Option<Refresh>> {
    let Some(refresh) = refresh else {
        return Vec::new();
    };
    let at = refresh.at();
    let fewer = (0..at.len()).map(|gone| {
        let mut at = at.to_vec();
        at.remove(gone);
        (refresh.every(), at)
    });
    let aligned = refresh.every().map(|every| Every {
        aligned_to: 0,
        ..every
    });
    let parts = [
        (None, at.to_vec()),
        (aligned, Vec::new()),
        (aligned, at.to_vec()),
    ];
    // What has no time is no schedule.
    let schedules = parts
        .into_iter()
        .chain(fewer)
        .filter_map(|(every, at)| Refresh::new(every, at).ok());
    std::iter::once(None).chain(schedules.map(Some)).collect()
}

/// The dataflow, changed.
fn edited(dataflow: &CreateDataflow, edit: impl FnOnce(&mut CreateDataflow)) -> CreateDataflow {
    let mut simpler = dataflow.clone();
    edit(&mut simpler);
    simpler
}

fn simpler_dataflows(dataflow: &CreateDataflow) -> Vec<CreateDataflow> {
    let mut out = vec![
        edited(dataflow, |d| {
            d.name = crate::script::DEFAULT_DATAFLOW_NAME.to_string();
        }),
        edited(dataflow, |d| d.until = None),
        edited(dataflow, |d| d.join = None),
        edited(dataflow, |d| (d.join, d.optimize) = (None, true)),
        edited(dataflow, |d| d.optimize = false),
    ];
    for (at, export) in dataflow.exports.iter().enumerate() {
        if dataflow.exports.len() > 1 {
            out.push(edited(dataflow, |d| {
                d.exports.remove(at);
            }));
        }
        let simpler = simpler_exports(export).into_iter();
        out.extend(simpler.map(|export| edited(dataflow, |d| d.exports[at] = export)));
    }
    for at in 0..dataflow.imports.len() {
        out.push(edited(dataflow, |d| {
            d.imports.remove(at);
        }));
    }
    for (at, build) in dataflow.builds.iter().enumerate() {
        out.push(edited(dataflow, |d| {
            d.builds.remove(at);
        }));
        for read in build.plan.reads() {
            out.push(edited(dataflow, |d| {
                d.builds.remove(at);
                rename(d, build.id, read);
            }));
        }
        // Without the outermost operator.
        let operators = build.plan.operators();
        for child in operators.map_or_else(Vec::new, Relation::children) {
            out.push(edited(dataflow, |d| {
                d.builds[at].plan = child.clone().into();
            }));
        }
    }
    out
}

/// An export with an option less, or with less of one.
fn simpler_exports(export: &Export) -> Vec<Export> {
    let edited = |edit: &dyn Fn(&mut Export)| {
        let mut simpler = export.clone();
        edit(&mut simpler);
        simpler
    };
    match export {
        Export::Subscribe { .. } => vec![
            edited(&|export| {
                if let Export::Subscribe { up_to, .. } = export {
                    *up_to = None;
                }
            }),
            edited(&|export| {
                if let Export::Subscribe { snapshot, .. } = export {
                    *snapshot = true;
                }
            }),
        ],
        Export::MaterializedView {
            refresh, not_null, ..
        } => {
            let schedules = simpler_schedules(refresh.as_ref()).into_iter();
            let scheduled = schedules.map(|simpler| {
                edited(&|export| {
                    if let Export::MaterializedView { refresh, .. } = export {
                        refresh.clone_from(&simpler);
                    }
                })
            });
            let asserted = (0..not_null.len()).map(|column| {
                edited(&|export| {
                    if let Export::MaterializedView { not_null, .. } = export {
                        not_null.remove(column);
                    }
                })
            });
            scheduled.chain(asserted).collect()
        }
        Export::Index { key, .. } => shorter_keys(key)
            .into_iter()
            .map(|shorter| {
                edited(&|export| {
                    if let Export::Index { key, .. } = export {
                        key.clone_from(&shorter);
                    }
                })
            })
            .collect(),
    }
}

/// Lets everything in a dataflow that reads one collection read another.
fn rename(dataflow: &mut CreateDataflow, from: GlobalId, to: GlobalId) {
    let renamed = |id: &mut GlobalId| {
        if *id == from {
            *id = to;
        }
    };
    for build in &mut dataflow.builds {
        build.plan.visit_ids(&mut |id| renamed(id));
    }
    for export in &mut dataflow.exports {
        match export {
            Export::Index { on, .. }
            | Export::MaterializedView { on, .. }
            | Export::Subscribe { on, .. } => renamed(on),
        }
    }
}
