//! Where things lie below an agent's work directory (`spec/mesos.md` §4.2).

use std::path::{Path, PathBuf};

use mesos_v1::messages as v1;

/// The work directory of an agent.
#[derive(Clone, Debug)]
pub struct AgentPaths {
    root: PathBuf,
}

/// The two folders of one run of an executor.
#[derive(Clone, Debug)]
pub struct RunPaths {
    /// What the executor and its users see.
    pub sandbox: PathBuf,
    /// What the agent remembers of it.
    pub meta: PathBuf,
}

impl AgentPaths {
    pub fn new(work_dir: &Path) -> Self {
        // Executors are told these paths, wherever their own current folder is.
        let root = std::path::absolute(work_dir).unwrap_or_else(|_| work_dir.to_owned());
        Self { root }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Below it are all sandboxes.
    pub fn sandboxes(&self) -> PathBuf {
        self.root.join("slaves")
    }

    pub fn boot_id(&self) -> PathBuf {
        self.root.join("meta/boot_id")
    }

    pub fn latest_agent(&self) -> PathBuf {
        self.root.join("meta/slaves/latest")
    }

    pub fn agent_meta(&self, agent: &v1::AgentId) -> PathBuf {
        self.root.join("meta/slaves").join(&agent.value)
    }

    pub fn agent_info(&self, agent: &v1::AgentId) -> PathBuf {
        self.agent_meta(agent).join("slave.info")
    }

    pub fn framework_meta(&self, agent: &v1::AgentId, framework: &v1::FrameworkId) -> PathBuf {
        self.agent_meta(agent).join("frameworks").join(&framework.value)
    }

    pub fn executor_meta(
        &self,
        agent: &v1::AgentId,
        framework: &v1::FrameworkId,
        executor: &v1::ExecutorId,
    ) -> PathBuf {
        self.framework_meta(agent, framework).join("executors").join(&executor.value)
    }

    fn executor_sandboxes(
        &self,
        agent: &v1::AgentId,
        framework: &v1::FrameworkId,
        executor: &v1::ExecutorId,
    ) -> PathBuf {
        self.sandboxes()
            .join(&agent.value)
            .join("frameworks")
            .join(&framework.value)
            .join("executors")
            .join(&executor.value)
            .join("runs")
    }

    pub fn run(
        &self,
        agent: &v1::AgentId,
        framework: &v1::FrameworkId,
        executor: &v1::ExecutorId,
        container: &str,
    ) -> RunPaths {
        RunPaths {
            sandbox: self.executor_sandboxes(agent, framework, executor).join(container),
            meta: self.executor_meta(agent, framework, executor).join("runs").join(container),
        }
    }
}

impl RunPaths {
    pub fn fetch_list(&self) -> PathBuf {
        self.meta.join("fetch.list")
    }

    pub fn launch_spec(&self) -> PathBuf {
        self.meta.join("launch.spec")
    }

    pub fn helper_pid(&self) -> PathBuf {
        self.meta.join("pids/forked.pid")
    }

    pub fn status(&self) -> PathBuf {
        self.meta.join("executor.status")
    }

    pub fn sentinel(&self) -> PathBuf {
        self.meta.join("executor.sentinel")
    }

    pub fn http_marker(&self) -> PathBuf {
        self.meta.join("http.marker")
    }

    pub fn task_info(&self, task: &v1::TaskId) -> PathBuf {
        self.meta.join("tasks").join(&task.value).join("task.info")
    }

    pub fn task_updates(&self, task: &v1::TaskId) -> PathBuf {
        self.meta.join("tasks").join(&task.value).join("task.updates")
    }
}
