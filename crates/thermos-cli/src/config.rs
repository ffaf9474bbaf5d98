//! The task that a config file means: of a `.thermos` file, of a job of an `.aurora` file, or as Task JSON.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use aurora_config::{Diagnostics, ListedTask, LoadOptions, load_tasks};
use serde_json::Value;
use thermos::binding::{Context, Escapes, bind};

use crate::failure::Failure;

/// Which task, and what is bound in it.
#[derive(clap::Args, Debug, Clone)]
pub struct ConfigOptions {
    /// The config file.
    #[arg(value_name = "CONFIG")]
    config: Vec<String>,

    /// The task of the config that is meant, by its name; needed if it has several.
    #[arg(long, value_name = "TASKNAME")]
    task: Option<String>,

    /// The job whose task is meant, CLUSTER/ROLE/ENV/NAME, of an .aurora file.
    #[arg(long, value_name = "KEY")]
    job: Option<String>,

    /// The instance that a job's task believes to be.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    instance: i32,

    /// The file is a Task as JSON.
    #[arg(long)]
    json: bool,
}

/// What `-P` and `-E` say.
#[derive(clap::Args, Debug, Clone)]
pub struct Bindings {
    /// Bind the port NAME to a number. May be repeated.
    #[arg(short = 'P', long = "port", value_name = "NAME:PORT")]
    ports: Vec<String>,

    /// Bind NAME in the config to VALUE. May be repeated.
    #[arg(short = 'E', long = "environment", value_name = "NAME=VALUE")]
    environment: Vec<String>,
}

impl Bindings {
    /// The ports by name.
    pub fn ports(&self) -> Result<BTreeMap<String, u16>, Failure> {
        let parse = |text: &String| {
            let form = || format!("Invalid value for --port: {text} should be of form NAME:PORT");
            let (name, port) = text.split_once(':').ok_or_else(|| Failure::Usage(form()))?;
            let number = || Failure::Usage(format!("Port does not appear to be an integer: {port}"));
            Ok((name.to_owned(), port.parse().map_err(|_| number())?))
        };
        self.ports.iter().map(parse).collect()
    }

    /// The values, for a text that no config language evaluates.
    pub fn context(&self) -> Result<Context, Failure> {
        Ok(context_of(&self.values()?))
    }

    /// The values by name, in order. Exactly one `=` is allowed.
    fn values(&self) -> Result<Vec<(String, String)>, Failure> {
        let parse = |text: &String| match text.split('=').collect::<Vec<_>>().as_slice() {
            [name, value] if !name.is_empty() => Ok(((*name).to_owned(), (*value).to_owned())),
            _ => Err(Failure::Usage("Binding must be of the form NAME=VALUE".to_owned())),
        };
        let values: Vec<(String, String)> = self.environment.iter().map(parse).collect::<Result<_, _>>()?;
        for (name, _) in &values {
            let probe = format!("{{{{{name}}}}}");
            let unbound = bind(&Value::String(probe.clone()), &Context::default(), Escapes::Keep).unbound;
            let is_reference =
                unbound.iter().any(|found| found.text == probe) && !name.contains(['{', '}', ' ']);
            if !is_reference {
                return Err(Failure::Usage(format!(
                    "Could not parse ref {name}: it is no name such as profile.cpu"
                )));
            }
        }
        Ok(values)
    }
}

/// The one task that is meant, as JSON with run-time references left.
pub fn load(options: &ConfigOptions, bindings: &Bindings) -> Result<Value, Failure> {
    let [config] = options.config.as_slice() else {
        let listed: Vec<String> = options.config.iter().map(|name| crate::literal::quoted(name)).collect();
        let text = format!("Should specify precisely one config, instead got: [{}]", listed.join(", "));
        return Err(Failure::Usage(text));
    };
    let values = bindings.values()?;
    let tasks =
        if options.json { vec![read_json(Path::new(config), &values)?] } else { evaluate(config, values)? };
    let tasks: Vec<ListedTask> = match &options.job {
        None => tasks,
        Some(key) => {
            let known: Vec<String> = tasks.iter().filter_map(|task| task.job.clone()).collect();
            let chosen: Vec<_> = tasks.into_iter().filter(|task| task.job.as_ref() == Some(key)).collect();
            if chosen.is_empty() {
                let text =
                    format!("Could not find job {key}! The jobs of {config} are: {}", known.join(", "));
                return Err(Failure::Usage(text));
            }
            chosen
        }
    };
    let task = choose(tasks, options.task.as_deref())?;
    if task.job.is_none() {
        return Ok(task.json);
    }
    let host = nix::unistd::gethostname().unwrap_or_else(|_| "localhost".into());
    let context = Context::mesos(options.instance, &host.to_string_lossy());
    Ok(bind(&task.json, &context, Escapes::Keep).value)
}

fn choose(mut tasks: Vec<ListedTask>, name: Option<&str>) -> Result<ListedTask, Failure> {
    let names = || {
        let names: Vec<&str> = tasks.iter().map(|task| task.name.as_str()).collect();
        format!("its tasks are: {}", names.join(", "))
    };
    let index = match name {
        _ if tasks.is_empty() => {
            let help = "the file must call export(task), or set jobs = [...]";
            return Err(Failure::Usage(format!("No tasks specified!\n{help}")));
        }
        None if tasks.len() > 1 => {
            let text = "Multiple tasks in config but no task name specified!";
            return Err(Failure::Usage(format!("{text}\nchoose one with --task (or --job): {}", names())));
        }
        None => 0,
        Some(name) => match tasks.iter().position(|task| task.name == name) {
            Some(index) => index,
            None => return Err(Failure::Usage(format!("Could not find task {name}!\n{}", names()))),
        },
    };
    Ok(tasks.swap_remove(index))
}

fn context_of(values: &[(String, String)]) -> Context {
    values.iter().fold(Context::default(), |context, (name, value)| context.with(name, value))
}

fn read_json(path: &Path, values: &[(String, String)]) -> Result<ListedTask, Failure> {
    let failed = |error: String| Failure::Config(format!("cannot read the task {}: {error}", path.display()));
    let text = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
    let json: Value =
        serde_json::from_slice(&text).map_err(|error| failed(format!("not valid JSON: {error}")))?;
    let json = bind(&json, &context_of(values), Escapes::Keep).value;
    let name = json["name"].as_str().or_else(|| json["processes"][0]["name"].as_str()).unwrap_or("task");
    Ok(ListedTask { name: name.to_owned(), job: None, json })
}

fn evaluate(config: &str, bindings: Vec<(String, String)>) -> Result<Vec<ListedTask>, Failure> {
    let options = LoadOptions { bindings, ..LoadOptions::default() };
    let loaded =
        load_tasks(&PathBuf::from(config), &options).map_err(|problems| Failure::Config(told(&problems)))?;
    if !loaded.printed.is_empty() {
        eprint!("{}", loaded.printed);
    }
    if !loaded.warnings.items.is_empty() {
        eprintln!("{}", told(&loaded.warnings));
    }
    Ok(loaded.tasks)
}

/// Everything that is to be said of a file, with places.
fn told(problems: &Diagnostics) -> String {
    problems.to_string().trim_end().to_owned()
}
