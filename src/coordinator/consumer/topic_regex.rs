//! Subscriptions by regular expression.
//!
//! Kafka's servers match with RE2/J, which is the syntax of the `regex` crate but for a
//! few marks: `\Q…\E` quotes, and a repetition of a repetition is an error. The whole
//! name has to match. Topic names are ASCII, so Unicode classes make no difference.

use regex::bytes::{Regex, RegexBuilder};

/// The most memory that a compiled expression takes, in bytes.
const MOST_COMPILED: usize = 1 << 20;
/// The most memory that its matcher takes, in bytes.
const MOST_CACHED: usize = 1 << 20;
/// How deep groups may be nested.
const DEEPEST: u32 = 100;

/// A regular expression that a member subscribes to.
#[derive(Debug, Clone)]
pub(super) struct TopicRegex(Regex);

impl TopicRegex {
    /// Compiles an expression.
    ///
    /// # Errors
    /// Why it is not one, in a sentence; also where it takes more than 1 MiB compiled.
    pub(super) fn new(expression: &str) -> Result<Self, String> {
        let unquoted = unquote(expression);
        check_repetitions(&unquoted)?;
        // By itself first: `a)(b` is not an expression, though it is one in parentheses.
        compile(&unquoted)?;
        let whole = compile(&format!("\\A(?:{unquoted})\\z"));
        // The expression may end in a comment, which ends with the line.
        let whole = whole.or_else(|_| compile(&format!("\\A(?:{unquoted}\n)\\z")));
        whole.map(Self)
    }

    /// Whether it matches the whole name of a topic.
    pub(super) fn matches(&self, topic: &str) -> bool {
        self.0.is_match(topic.as_bytes())
    }
}

fn compile(expression: &str) -> Result<Regex, String> {
    // Classes of ASCII only are a hundredth of the size, and all that names need.
    let ascii = build(expression, false);
    let compiled = ascii.or_else(|_| build(expression, true));
    compiled.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => String::from("it is too big"),
        // The last line says what; those before draw where.
        other => {
            let text = other.to_string();
            let last = text.lines().last().unwrap_or_default();
            last.trim_start_matches("error: ").to_owned()
        }
    })
}

fn build(expression: &str, unicode: bool) -> Result<Regex, regex::Error> {
    RegexBuilder::new(expression)
        .unicode(unicode)
        .size_limit(MOST_COMPILED)
        .dfa_size_limit(MOST_CACHED)
        .nest_limit(DEEPEST)
        .build()
}

/// `\Q…\E` as escaped characters.
fn unquote(expression: &str) -> String {
    let mut out = String::with_capacity(expression.len());
    let mut rest = expression;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let escaped = &rest[at..];
        if let Some(quoted) = escaped.strip_prefix("\\Q") {
            let (quoted, after) = quoted.split_once("\\E").unwrap_or((quoted, ""));
            out.push_str(&regex::escape(quoted));
            rest = after;
        } else {
            let length = escaped.chars().take(2).map(char::len_utf8).sum();
            out.push_str(&escaped[..length]);
            rest = &escaped[length..];
        }
    }
    out.push_str(rest);
    out
}

/// RE2 refuses a repetition of a repetition, as in `a**` or `a{2}+`.
fn check_repetitions(expression: &str) -> Result<(), String> {
    let mut chars = expression.chars().peekable();
    let mut in_class = false;
    let mut repeated = false;
    while let Some(c) = chars.next() {
        let repeats = match c {
            '\\' => {
                chars.next();
                false
            }
            '[' if !in_class => {
                in_class = true;
                false
            }
            ']' => {
                in_class = false;
                false
            }
            '*' | '+' | '?' if !in_class => true,
            '{' if !in_class && chars.peek().is_some_and(char::is_ascii_digit) => {
                while chars.next_if(|c| *c != '}').is_some() {}
                chars.next();
                true
            }
            _ => false,
        };
        if repeats && repeated {
            return Err(format!("a repetition of a repetition, at `{c}`"));
        }
        repeated = repeats;
        if repeats {
            // Lazy.
            chars.next_if_eq(&'?');
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expression: &str, yes: &[&str], no: &[&str]) {
        let regex = TopicRegex::new(expression).unwrap();
        for topic in yes {
            assert!(regex.matches(topic), "{expression} should match {topic}");
        }
        for topic in no {
            assert!(
                !regex.matches(topic),
                "{expression} should not match {topic}"
            );
        }
    }

    #[test]
    fn the_whole_name_has_to_match() {
        check("foo", &["foo"], &["foobar", "a-foo", "", "foo\n"]);
        check("a|ab", &["a", "ab"], &["abb", "b"]);
        check("foo.*", &["foo", "foobar"], &["a-foo"]);
        check("^foo$", &["foo"], &["foob"]);
        check("", &[""], &["foo"]);
        check("foo(?:bar)??", &["foo", "foobar"], &["foobarbar"]);
    }

    #[test]
    fn the_syntax_is_that_of_re2() {
        check(r"\Qa.b*\E.", &["a.b*c"], &["axb"]);
        check(r"x\Q+", &["x+"], &["xx"]);
        check(r"\\Q", &[r"\Q"], &["Q"]);
        check(r"a[*+]?\++", &["a*+", "a++"], &["a"]);
        check("(?i)foo", &["FOO"], &[]);
        check("(?x)foo # comment", &["foo"], &[]);
        check("[[:alpha:]]+", &["ab"], &["a1"]);
        check(r"\w{200}", &["a".repeat(200).as_str()], &["a"]);
        check(r"\p{Lu}\p{Latin}*", &["Ab"], &["ab"]);
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for wrong in [
            "[", "*", "a**", "a{2}{3}", "a+*", "(", "a)(b", r"(?=a)", r"(a)\1",
        ] {
            let error = TopicRegex::new(wrong).expect_err(wrong);
            assert!(
                !error.is_empty() && !error.contains('\n'),
                "{wrong}: {error}"
            );
        }
        TopicRegex::new("((a{100}){100}){100}").expect_err("too big");
        TopicRegex::new(&"(".repeat(5000)).expect_err("too deep");
    }
}
