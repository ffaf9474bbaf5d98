//! The .aurora language: parser, evaluator, loader, checks, translation.
