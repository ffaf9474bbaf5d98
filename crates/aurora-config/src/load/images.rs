//! `{{docker.image[NAME][TAG]}}`: which images a job names, and binding what a registry calls them (`spec/cli.md` §5.5).
//! Asking the registry is the caller's.

use aurora_model::{Component, Raw, Ref};

use super::{JobSelector, LoadedFile};
use crate::diagnostic::Diagnostics;
use crate::{check, explain};

/// An image by name and tag.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageName {
    /// Such as `library/debian`.
    pub name: String,
    /// Such as `12`.
    pub tag: String,
}

impl ImageName {
    /// The image of a reference `docker.image[NAME][TAG]`.
    pub(crate) fn of(reference: &Ref) -> Option<Self> {
        match reference.components() {
            [
                Component::Name(docker),
                Component::Name(image),
                Component::Index(name),
                Component::Index(tag),
            ] if &**docker == "docker" && &**image == "image" => {
                Some(Self { name: name.to_string(), tag: tag.to_string() })
            }
            _ => None,
        }
    }
}

impl std::fmt::Display for ImageName {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}:{}", self.name, self.tag)
    }
}

impl LoadedFile {
    /// The images that the job refers to and that nothing binds yet, each once.
    ///
    /// # Errors
    /// No job or several match, or everything that is wrong with the one that does.
    pub fn images(&self, selector: &JobSelector) -> Result<Vec<ImageName>, Diagnostics> {
        let job = self.select(selector)?;
        let context = check::Context { sources: &self.sources, name: &job.key.name };
        let checked = check::check(&job.value, &context, &check::budget_of_a_job())
            .map_err(|problems| Diagnostics::new(problems, self.sources.clone()))?;
        Ok(checked.images.into_iter().collect())
    }

    /// Binds an image of a job to what a registry calls it, such as `library/debian@sha256:…`.
    ///
    /// # Errors
    /// No job or several match.
    pub fn bind_image(
        &mut self,
        selector: &JobSelector,
        image: &ImageName,
        resolved: &str,
    ) -> Result<(), Diagnostics> {
        let address = format!("docker.image[{}][{}]", image.name, image.tag);
        let names = Raw::map([(address.as_str(), Raw::from(resolved))]);
        let job = self.select(selector)?;
        let bound = job.value.bind(&[names], &[]);
        let at = self.jobs.iter().position(|known| std::ptr::eq(known, job));
        let bound = bound
            .map_err(|error| Diagnostics::new(explain::error(&error, &self.sources), self.sources.clone()))?;
        if let Some(job) = at.and_then(|at| self.jobs.get_mut(at)) {
            job.value = bound;
        }
        Ok(())
    }
}
