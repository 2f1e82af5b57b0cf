//! `ottla inspect verify`: a line for each finding as it comes, a summary, and an exit
//! status that scripts can rely on.

mod print;

use super::site::{Scope as Meant, Site};
use crate::host::{Durability, Host};
use crate::log::LogError;
use crate::log::layout::TopicPartition;
use crate::log::verify::{
    Check, Events, FileKind, Finding, Manifest, Scope, Severity, Surroundings, Target, Totals,
    Walked,
};
use crate::tools::args::DataFormat;
use crate::tools::args::inspect::VerifyOptions;
use crate::tools::error::{Result, ToolError};
use crate::tools::numbers;
use crate::tools::progress::{self, Progress};
use print::{Counts, Printer};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Does what the options say.
pub(super) fn run(options: &VerifyOptions, host: &Arc<dyn Host>) -> Result<()> {
    let mut early = Vec::new();
    let (scope, only) = scope(&options.site, host, &mut early)?;
    let total = scope.bytes(&**host);
    let mut out = Output {
        printer: Printer::new(options.output, &options.site.data),
        progress: Progress::towards(host, options.quiet, total),
        counts: Counts::default(),
        only,
        walked: options.manifest.as_ref().map(|_| Vec::new()),
        failed: None,
        said: None,
    };
    if scope.around.live && !options.quiet && options.output == DataFormat::Table {
        eprintln!(
            "{} is held by a running server: what is shown may move",
            scope.around.data.display()
        );
    }
    out.start();
    for finding in early {
        out.found(finding);
    }
    let totals = scope.verify(host, &mut out);
    if let Some(path) = &options.manifest {
        out.manifest(path, options.write_manifest, &scope, &**host)?;
    }
    out.progress.finish();
    out.end(&scope, &totals, options)
}

/// Findings of what comes before the pass.
struct Early<'a>(&'a mut Vec<Finding>);

impl Events for Early<'_> {
    fn found(&mut self, finding: Finding) {
        self.0.push(finding);
    }
}

/// What a site means, and the one file that findings are wanted of.
fn scope(
    site: &Site,
    host: &Arc<dyn Host>,
    early: &mut Vec<Finding>,
) -> Result<(Scope, Option<PathBuf>)> {
    let around = Surroundings::read(host, &site.data, site.is_data);
    let whole = site.scope == Meant::Data && site.is_data;
    let Meant::File(path) = &site.scope else {
        let partitions = site.partitions(&**host)?;
        let scope = Scope::partitions(host, around, partitions, whole, &mut Early(early));
        return Ok((scope, None));
    };
    if let Some(kind) = FileKind::of(path) {
        let directory = path.parent().and_then(Path::file_name);
        let name = directory
            .and_then(|name| TopicPartition::from_directory(name.to_str()?))
            .unwrap_or_else(|| TopicPartition::new("", 0));
        let targets = vec![Target::file(&around, name, path, kind)];
        let scope = Scope {
            around,
            targets,
            whole: false,
        };
        return Ok((scope, None));
    }
    let directory = path.parent().unwrap_or(Path::new("."));
    let partition = directory
        .file_name()
        .and_then(|name| TopicPartition::from_directory(name.to_str()?));
    let scope = match partition {
        // Beside a log: held against it.
        Some(name) => {
            let partitions = vec![(name, directory.to_owned())];
            Scope::partitions(host, around, partitions, false, &mut Early(early))
        }
        None => Scope {
            around,
            targets: Vec::new(),
            whole: true,
        },
    };
    Ok((scope, Some(path.clone())))
}

/// Where findings and bytes go.
struct Output {
    printer: Printer,
    progress: Progress,
    counts: Counts,
    only: Option<PathBuf>,
    /// The segments, where there is a manifest.
    walked: Option<Vec<Walked>>,
    /// What is to be said of the manifest.
    said: Option<String>,
    /// Standard output failed: nothing more is wanted.
    failed: Option<ToolError>,
}

impl Events for Output {
    fn found(&mut self, finding: Finding) {
        if self.only.as_ref().is_some_and(|only| *only != finding.path) {
            return;
        }
        self.counts.add(&finding);
        let line = self.printer.line(&finding);
        self.print(&line);
    }

    fn walked(&mut self, segment: Walked) {
        if let Some(walked) = &mut self.walked {
            walked.push(segment);
        }
    }

    fn read(&mut self, bytes: u64) -> bool {
        self.progress.advance(bytes);
        self.failed.is_none()
    }
}

impl Output {
    fn start(&mut self) {
        let heading = self.printer.heading();
        self.print(&heading);
    }

    fn print(&mut self, bytes: &[u8]) {
        use std::io::Write as _;
        if self.failed.is_some() || bytes.is_empty() {
            return;
        }
        let written = self.progress.aside(|| {
            let mut out = std::io::stdout().lock();
            out.write_all(bytes).and_then(|()| out.flush())
        });
        self.failed = written.err().map(|error| ToolError::stdout(&error));
    }

    /// Checks the segments against a manifest, or writes it.
    fn manifest(&mut self, path: &Path, write: bool, scope: &Scope, host: &dyn Host) -> Result<()> {
        let data = &scope.around.data;
        let segments = self.walked.take().unwrap_or_default();
        let cluster = scope.around.cluster.clone();
        let there = Manifest::read(host, path)?;
        let (Some(there), false) = (there, write) else {
            if self.counts.damage() + self.counts.unreadable > 0 {
                self.said = Some(format!(
                    "{} was not written: it would sign off what is damaged",
                    path.display()
                ));
                return Ok(());
            }
            let manifest = Manifest::of(host, data, cluster, &segments)?;
            host.replace(path, manifest.to_text().as_bytes(), Durability::Synced)
                .map_err(LogError::io("write", path))?;
            self.said = Some(format!(
                "{}: {} listed",
                path.display(),
                numbers::count(manifest.segments.len() as u64, "segment")
            ));
            return Ok(());
        };
        let of_manifest = |expected: String, found: String| Finding {
            check: Check::Manifest,
            severity: Severity::Wrong,
            path: path.to_owned(),
            partition: None,
            bytes: None,
            offsets: None,
            expected: expected.into(),
            found: found.into(),
        };
        let manifest = match there {
            Ok(manifest) => manifest,
            Err(bad) => {
                let expected = format!("in line {}: {}", bad.line, bad.expected);
                self.found(of_manifest(expected, bad.found));
                return Ok(());
            }
        };
        if let (Some(listed), Some(own)) = (&manifest.cluster, &cluster)
            && listed != own
        {
            let (expected, found) = (format!("cluster {own}"), format!("cluster {listed}"));
            self.found(of_manifest(expected, found));
        }
        let wanted = |listed: &str| {
            let file = data.join(listed);
            scope.whole
                || scope.targets.iter().any(|target| {
                    let own = file.parent() == Some(target.directory.as_path());
                    own && (target.beside || target.files.iter().any(|own| own.path == file))
                })
        };
        manifest.check(host, data, &segments, wanted, self);
        Ok(())
    }

    /// The summary, and what the whole amounts to.
    fn end(mut self, scope: &Scope, totals: &Totals, options: &VerifyOptions) -> Result<()> {
        let summary = self.printer.summary(scope, totals, &self.counts);
        self.print(&summary);
        if options.output != DataFormat::Json {
            let text = print::words(totals, &self.counts, self.progress.elapsed());
            progress::summary("ottla-inspect", options.quiet, &text);
        }
        if let Some(said) = &self.said {
            progress::summary("ottla-inspect", options.quiet, said);
        }
        if let Some(error) = self.failed {
            return Err(error);
        }
        let place = &options.site;
        if self.counts.damage() > 0 {
            let damage = numbers::count(self.counts.damage(), "finding");
            return Err(ToolError::damage(format!(
                "{place} is damaged: {damage} worse than a note"
            ))
            .hint(format!("`ottla repair {place}` says what can be saved")));
        }
        if self.counts.unreadable > 0 {
            let files = numbers::count(self.counts.unreadable, "file");
            return Err(ToolError::failed(format!(
                "{place}: {files} could not be read"
            )));
        }
        Ok(())
    }
}
