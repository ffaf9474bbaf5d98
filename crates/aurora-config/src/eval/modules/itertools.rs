//! `itertools`.

use crate::eval::call::Args;
use crate::eval::error::Eval;
use crate::eval::interp::Interp;
use crate::eval::iter::IterState;
use crate::eval::value::{Native, Value};

pub(super) static ITERTOOLS: &[Native] = &[
    Native {
        name: "chain",
        call: |interp, args| {
            let mut out = Vec::new();
            for source in &args.positional {
                out.extend(interp.collect(source)?);
            }
            Ok(Value::queue(out))
        },
    },
    Native {
        name: "count",
        call: |_, mut args| {
            let next = args.get(0, "start").and_then(|start| start.as_int()).unwrap_or(0);
            let step = args.get(1, "step").and_then(|step| step.as_int()).unwrap_or(1);
            Ok(Value::iter(IterState::Count { next, step }))
        },
    },
    Native {
        name: "cycle",
        call: |interp, mut args| {
            let source = interp.required(&mut args, "cycle", 0, "iterable")?;
            let items = interp.collect(&source)?;
            Ok(Value::iter(IterState::Cycle { items, at: 0 }))
        },
    },
    Native {
        name: "repeat",
        call: |interp, mut args| {
            let value = interp.required(&mut args, "repeat", 0, "object")?;
            match args.get(1, "times").and_then(|times| times.as_int()) {
                Some(times) => {
                    let times = usize::try_from(times.max(0)).unwrap_or(usize::MAX);
                    interp.budget.values(times)?;
                    Ok(Value::queue(vec![value; times]))
                }
                None => Ok(Value::iter(IterState::Repeat(value))),
            }
        },
    },
    Native { name: "product", call: product },
    Native {
        name: "islice",
        call: |interp, mut args| {
            let source = interp.required(&mut args, "islice", 0, "iterable")?;
            let numbers: Vec<usize> = args.positional[1..]
                .iter()
                .filter_map(|value| usize::try_from(value.as_int()?).ok())
                .collect();
            let (start, stop, step) = match numbers.as_slice() {
                [stop] => (0, *stop, 1),
                [start, stop] => (*start, *stop, 1),
                [start, stop, step] => (*start, *stop, (*step).max(1)),
                [] => (0, usize::MAX, 1),
                _ => return interp.type_error("islice() takes at most 4 arguments"),
            };
            let iter = interp.iter(&source)?;
            let mut out = Vec::new();
            for at in 0..stop {
                let Some(item) = interp.next(&iter)? else { break };
                if at >= start && (at - start) % step == 0 {
                    interp.budget.bytes(40)?;
                    out.push(item);
                }
            }
            Ok(Value::queue(out))
        },
    },
    Native {
        name: "groupby",
        call: |interp, mut args| {
            let source = interp.required(&mut args, "groupby", 0, "iterable")?;
            let key = args.get(1, "key");
            let mut groups: Vec<(Value, Vec<Value>)> = Vec::new();
            for item in interp.collect(&source)? {
                let name = match &key {
                    Some(function) => interp.apply(function, item.clone())?,
                    None => item.clone(),
                };
                match groups.last_mut() {
                    Some((last, items)) if interp.equal(last, &name, 0)? => items.push(item),
                    _ => groups.push((name, vec![item])),
                }
            }
            Ok(Value::queue(
                groups
                    .into_iter()
                    .map(|(name, items)| Value::tuple(vec![name, Value::list(items)]))
                    .collect(),
            ))
        },
    },
    Native { name: "izip", call: zipped },
    Native {
        name: "imap",
        call: |interp, args| {
            let map = interp.builtins["map"].clone();
            interp.call(&map, args)
        },
    },
    Native {
        name: "ifilter",
        call: |interp, args| {
            let filter = interp.builtins["filter"].clone();
            interp.call(&filter, args)
        },
    },
    Native { name: "combinations", call: |interp, args| arrangements(interp, args, false) },
    Native { name: "permutations", call: |interp, args| arrangements(interp, args, true) },
];

fn zipped(interp: &mut Interp, args: Args) -> Eval<Value> {
    let mut sources = Vec::new();
    for source in &args.positional {
        sources.push(interp.iter(source)?);
    }
    Ok(Value::iter(IterState::Zip(sources)))
}

fn product(interp: &mut Interp, mut args: Args) -> Eval<Value> {
    let repeat =
        args.take_keyword("repeat").and_then(|repeat| usize::try_from(repeat.as_int()?).ok()).unwrap_or(1);
    let mut pools = Vec::new();
    for source in &args.positional {
        pools.push(interp.collect(source)?);
    }
    let single = pools.clone();
    for _ in 1..repeat.min(64) {
        pools.extend(single.iter().cloned());
    }
    let mut rows: Vec<Vec<Value>> = vec![Vec::new()];
    for pool in &pools {
        let mut longer = Vec::new();
        for row in &rows {
            for item in pool {
                interp.budget.values(row.len() + 1)?;
                let mut row = row.clone();
                row.push(item.clone());
                longer.push(row);
            }
        }
        rows = longer;
    }
    Ok(Value::queue(rows.into_iter().map(Value::tuple).collect()))
}

fn arrangements(interp: &mut Interp, mut args: Args, ordered: bool) -> Eval<Value> {
    let source = interp.required(&mut args, "combinations", 0, "iterable")?;
    let pool = interp.collect(&source)?;
    let size = args.get(1, "r").and_then(|size| usize::try_from(size.as_int()?).ok()).unwrap_or(pool.len());
    let mut rows: Vec<Vec<usize>> = vec![Vec::new()];
    for _ in 0..size.min(pool.len() + 1) {
        let mut longer = Vec::new();
        for row in &rows {
            for at in 0..pool.len() {
                let fits =
                    if ordered { !row.contains(&at) } else { row.last().is_none_or(|last| at > *last) };
                if fits {
                    interp.budget.values(row.len() + 1)?;
                    longer.push(row.iter().copied().chain([at]).collect());
                }
            }
        }
        rows = longer;
    }
    let tuples =
        rows.into_iter().map(|row| Value::tuple(row.into_iter().map(|at| pool[at].clone()).collect()));
    Ok(Value::queue(tuples.collect()))
}
