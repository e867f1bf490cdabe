//! One worker: the stages of the protocol over an instance. Source:
//! `spec/replica.md` §2.1, §2.2, §2.3.
//!
//! Invariants: nothing is said between a new nonce and the end of its
//! initialization; a new nonce before that end starts the collecting over; the
//! first end is the end.

use std::time::Duration;

use timely::worker::Worker as TimelyWorker;
use uuid::Uuid;

use super::environment::Environment;
use super::instance::{Instance, Outgoing};
use crate::halt::End;
use crate::mutants::ConfigurationSeams;
use protocol::neutral::{ComputeCommand, DataflowDescription, Expr, RenderPlan};

/// One worker of the replica.
pub struct Worker {
    pub timely: TimelyWorker,
    env: Environment,
    nonce: Option<Uuid>,
    /// The commands since a new nonce, until its initialization is complete.
    collecting: Option<Vec<ComputeCommand>>,
    instance: Option<Instance>,
    out: Vec<(Uuid, Outgoing)>,
    configuration: ConfigurationSeams,
}

impl Worker {
    pub fn new(timely: TimelyWorker, env: Environment) -> Self {
        Worker {
            configuration: env.seams.configuration(),
            timely,
            env,
            nonce: None,
            collecting: None,
            instance: None,
            out: Vec::new(),
        }
    }

    /// How the replica ends, if it does.
    pub fn end(&self) -> Option<End> {
        self.env.fate.get()
    }

    /// Applies one command of the connection with this nonce.
    pub fn command(&mut self, nonce: Uuid, command: ComputeCommand) {
        if self.env.fate.get().is_some() {
            return;
        }
        if let Err(end) = self.try_command(nonce, command) {
            self.env.fate.post(end);
        }
    }

    fn try_command(&mut self, nonce: Uuid, command: ComputeCommand) -> Result<(), End> {
        if self.nonce != Some(nonce) {
            self.flush();
            self.nonce = Some(nonce);
            self.collecting = Some(Vec::new());
            if let Some(instance) = &mut self.instance {
                instance.begin_initialization();
                self.flush();
            }
        }
        let command = self.partition(command);
        if let Some(collected) = &mut self.collecting {
            match command {
                ComputeCommand::InitializationComplete => {
                    let commands = self.collecting.take().unwrap_or_default();
                    return self.initialize(commands);
                }
                command => collected.push(command),
            }
            return Ok(());
        }
        for command in self.configuration.later(command) {
            self.apply(command)?;
        }
        Ok(())
    }

    fn initialize(&mut self, commands: Vec<ComputeCommand>) -> Result<(), End> {
        let commands = self.configuration.initialized(commands);
        if let Some(instance) = &mut self.instance {
            return instance.reconcile(&mut self.timely, commands);
        }
        for command in commands {
            self.apply(command)?;
        }
        Ok(())
    }

    fn apply(&mut self, command: ComputeCommand) -> Result<(), End> {
        match (&mut self.instance, command) {
            (None, ComputeCommand::CreateInstance(config)) => {
                let index = self.timely.index();
                self.instance = Some(Instance::new(self.env.clone(), index, *config)?);
                Ok(())
            }
            (None, other) => Err(End::abort(format!(
                "{} before CreateInstance: expected an instance first",
                command_name(&other)
            ))),
            (Some(instance), command) => instance.apply(&mut self.timely, command),
        }
    }

    /// Cuts a description down to the part of this worker: row i of a constant
    /// belongs to worker i mod W, an error to worker 0.
    fn partition(&self, mut command: ComputeCommand) -> ComputeCommand {
        let (index, peers) = (self.timely.index(), self.timely.peers());
        if let ComputeCommand::CreateDataflow(desc) = &mut command
            && peers > 1
        {
            partition_dataflow(desc, index, peers);
        }
        command
    }

    /// How often frontiers are to be reported.
    pub fn maintenance_interval(&self) -> Duration {
        let default = Duration::from_millis(10);
        self.instance
            .as_ref()
            .map_or(default, |instance| instance.maintenance_interval)
    }

    /// Polls the sources that have no threads; whether anything was new.
    pub fn poll(&mut self) -> bool {
        self.instance.as_mut().is_some_and(Instance::poll)
    }

    /// Reports the frontiers that advanced.
    pub fn maintain(&mut self) {
        if self.collecting.is_none()
            && let Some(instance) = &mut self.instance
        {
            instance.maintain();
            self.flush();
        }
    }

    /// Answers the peeks and sends the batches that are ready.
    pub fn answer(&mut self) {
        if self.collecting.is_none()
            && let Some(instance) = &mut self.instance
        {
            instance.process_peeks();
            instance.process_sinks();
        }
        self.flush();
    }

    /// The responses since the last call, each with the nonce of its connection.
    pub fn take_responses(&mut self) -> Vec<(Uuid, Outgoing)> {
        std::mem::take(&mut self.out)
    }

    fn flush(&mut self) {
        if let (Some(nonce), Some(instance)) = (self.nonce, &mut self.instance) {
            let responses = instance.take_responses();
            self.out.extend(responses.into_iter().map(|r| (nonce, r)));
        }
    }
}

/// The name of a command, for messages.
pub fn command_name(command: &ComputeCommand) -> &'static str {
    match command {
        ComputeCommand::Hello { .. } => "Hello",
        ComputeCommand::CreateInstance(_) => "CreateInstance",
        ComputeCommand::InitializationComplete => "InitializationComplete",
        ComputeCommand::UpdateConfiguration(_) => "UpdateConfiguration",
        ComputeCommand::CreateDataflow(_) => "CreateDataflow",
        ComputeCommand::Schedule(_) => "Schedule",
        ComputeCommand::AllowWrites(_) => "AllowWrites",
        ComputeCommand::AllowCompaction { .. } => "AllowCompaction",
        ComputeCommand::Peek(_) => "Peek",
        ComputeCommand::CancelPeek { .. } => "CancelPeek",
    }
}

fn partition_dataflow(desc: &mut DataflowDescription, index: usize, peers: usize) {
    for object in &mut desc.objects_to_build {
        partition_plan(&mut object.plan, index, peers);
    }
}

fn partition_plan(plan: &mut RenderPlan, index: usize, peers: usize) {
    let mut bodies = vec![&mut plan.body];
    for stage in &mut plan.binds {
        bodies.extend(stage.lets.iter_mut().map(|bind| &mut bind.value));
        for bind in &mut stage.recs {
            partition_plan(&mut bind.value, index, peers);
        }
    }
    for body in bodies {
        for node in body.nodes.values_mut() {
            let Expr::Constant { rows } = &mut node.expr else {
                continue;
            };
            match rows {
                Ok(rows) => {
                    let mut at = 0;
                    rows.retain(|_| {
                        at += 1;
                        (at - 1) % peers == index
                    });
                }
                Err(_) if index == 0 => {}
                Err(_) => *rows = Ok(Vec::new()),
            }
        }
    }
}
