//! What HOCON texts become.

use super::{read, read_json};
use serde_json::json;

fn variable(name: &str) -> Option<String> {
    (name == "PORT").then(|| "4566".to_owned())
}

fn value(text: &str) -> serde_json::Value {
    read(text, &variable).unwrap_or_else(|error| panic!("{text}\n{error}")).root.to_json()
}

fn wrong(text: &str) -> String {
    read(text, &variable).map(|file| file.root.to_json().to_string()).unwrap_err().to_string()
}

#[test]
fn fields_are_written_in_many_ways() {
    let same = [
        r#"{"a": {"b": "1", "c": ["x", "y"]}}"#,
        "a { b = 1, c = [x, y] }",
        "a.b : 1\na.c = [\n x\n y\n]",
        "# first\na = { b = 1 // one\n }\n a { c : [x, y,], }\n",
        "\u{feff}\"a\" {\r\n b = 1\r\n c = [\"x\", \"\"\"y\"\"\"]\r\n}\r\n",
        "a = { b = 2, c = [x] }\na.b = 1\na.c += y",
        "a = gone\na = { b = 1, c = [x] [y] }",
    ];
    for text in same {
        assert_eq!(value(text), json!({"a": {"b": "1", "c": ["x", "y"]}}), "{text}");
    }
    assert_eq!(value(""), json!({}));
    assert_eq!(value("a { }, b = [ ]\nc = null"), json!({"a": {}, "b": [], "c": null}));
}

#[test]
fn texts_keep_their_blanks_inside_and_lose_them_outside() {
    let text = "a =   5 seconds  # comment\n\"q.fifo\".fifo = true\nkey with blanks = jdbc\\n".replace("\\n", "");
    let expected = json!({"a": "5 seconds", "q.fifo": {"fifo": "true"}, "key with blanks": "jdbc"});
    assert_eq!(value(&text), expected);
    assert_eq!(value(r#"a = "x\ty\"\\\u00e9\uD83D\uDE00" tail"#), json!({"a": "x\ty\"\\\u{e9}\u{1f600} tail"}));
    assert_eq!(value("a = \"\"\"x\n\"y\"\"\"\"\nb=1"), json!({"a": "x\n\"y\"", "b": "1"}));
    assert_eq!(value("01-queue { }\n02.5 = x"), json!({"01-queue": {}, "02": {"5": "x"}}));
}

#[test]
fn substitutions_stand_for_what_a_path_is_in_the_end() {
    assert_eq!(value("a = ${b.c}\nb.c = 1\nb.c = 2"), json!({"a": "2", "b": {"c": "2"}}));
    assert_eq!(value("port = 1\nport = ${?PORT}"), json!({"port": "4566"}));
    assert_eq!(value("port = 1\nport = ${?NONE}"), json!({"port": "1"}));
    assert_eq!(value("a = ${?NONE}"), json!({}));
    assert_eq!(value("h = x\nurl = \"http://\"${h}\":\"${PORT} end"), json!({"h": "x", "url": "http://x:4566 end"}));
    let base = "base { x = 1, y = 2 }\na = ${base} { y = 3 }\nb = ${a}";
    let expected = json!({"base": {"x": "1", "y": "2"}, "a": {"x": "1", "y": "3"}, "b": {"x": "1", "y": "3"}});
    assert_eq!(value(base), expected);
    assert_eq!(value("a = ${l}[z]\nl = [x]\nl += y")["a"], json!(["x", "y", "z"]));
}

#[test]
fn where_a_substitution_would_be_itself_it_is_what_was_before() {
    assert_eq!(value("path = [a]\npath = ${path} [b]"), json!({"path": ["a", "b"]}));
    assert_eq!(value("a.b = 1\na.b = ${a.b} 2"), json!({"a": {"b": "1 2"}}));
    assert_eq!(value("a = 1\na = ${?a}${?a}"), json!({"a": "11"}));
    assert_eq!(
        value("bar : { foo : 42, baz : ${bar.foo} }\nbar : { foo : 43 }"),
        json!({"bar": {"foo": "43", "baz": "43"}})
    );
}

#[test]
fn includes_are_told_and_not_read() {
    let text = "include classpath(\"application.conf\")\ninclude \"a.conf\"\nq { include required(file(\"b.conf\")) }\nincludes = 1";
    let file = read(text, &variable).unwrap();
    let told: Vec<_> = file.includes.iter().map(|include| (include.line, include.what.as_str())).collect();
    assert_eq!(told, [(1, "classpath(\"application.conf\")"), (2, "\"a.conf\""), (3, "required(file(\"b.conf\"))")]);
    assert_eq!(file.root.to_json(), json!({"q": {}, "includes": "1"}));
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    let quotes = "texts with other signs than letters, digits, `-`, `_`, `.` and `/` go in double quotes";
    for (text, expected) in [
        ("a = 1\nb", "2: `=` or `{` must follow the key `b`, not the end of the file"),
        ("a =\n", "2: a value is wanted, not the end of the file"),
        ("a = \n b {\n c = 1", "2: the bracket that is opened here is not closed by `}`"),
        ("a = [1\n2", "1: the bracket that is opened here is not closed by `]`"),
        ("a = 1 }", "1: `}` does not belong here; it closes nothing that is open"),
        ("uri = jdbc:h2:/data", &format!("1: `:` does not belong here; {quotes}")),
        ("host = *", &format!("1: `*` does not belong here; {quotes}")),
        ("a = \"x\n\"", "1: a quoted text does not end on its line"),
        ("\na = \"\"\"x\n", "2: a text in three quotes does not end"),
        (r#"a = "\x""#, "1: a backslash in a quoted text is written as \\\\"),
        (r#"a = "\u12g4""#, "1: four hexadecimal digits must follow \\u"),
        ("a = ${b", "1: a substitution ends with `}` on its line"),
        ("a = [1] x", "1: texts, lists and objects cannot be put together; is a comma or a quote missing?"),
        ("a = 1\na += 2", "2: `+=` needs a list, and there is `1`"),
        ("a..b = 1", "1: a key is wanted, not `.`"),
        ("include classpath(x)", "1: behind `include classpath` a file in quotes is wanted"),
    ] {
        assert_eq!(wrong(text), expected, "{text}");
    }
    assert!(wrong("a = ${b}").starts_with("1: nothing is known that ${b} could stand for: no path of this file"));
    assert!(wrong("a = ${b}\nb = ${a}").contains("nothing is known that"), "{}", wrong("a = ${b}\nb = ${a}"));
    assert!(wrong("a = ${a.c}").contains("in a circle"));
}

#[test]
fn hostile_files_end_in_an_error() {
    for begin in ["[", "{a=", "a {", "a.", "[[{x:"] {
        assert!(read(&begin.repeat(100_000), &variable).is_err(), "{begin}");
    }
    let deep = format!("{} = 1", vec!["a"; 5000].join("."));
    assert!(wrong(&deep).contains("too deeply"));
    let nested = "a.b.c.d.e.f.g.h { ".repeat(20);
    assert!(wrong(&nested).contains("too deeply"));
    // Each line doubles the one before.
    let mut laughs = "a0 = ha\n".to_owned();
    for n in 1..60 {
        laughs.push_str(&format!("a{n} = ${{a{}}}${{a{}}}\n", n - 1, n - 1));
    }
    assert!(wrong(&laughs).contains("too large"), "{}", wrong(&laughs));
}

#[test]
fn json_is_read_value_by_value() {
    let values = read_json("{\"a\": [1, true, null, \"${x}\"]}\n {\"a\": -1.5e3}[{}]").unwrap();
    let values: Vec<_> = values.iter().map(|node| (node.line, node.to_json())).collect();
    let expected = [json!({"a": ["1", "true", null, "${x}"]}), json!({"a": "-1.5e3"}), json!([{}])];
    assert_eq!(values, [1, 2, 2].into_iter().zip(expected).collect::<Vec<_>>());
    assert_eq!(read_json("null").unwrap_err().to_string(), "1: `n` is not the beginning of JSON");
    assert_eq!(read_json("").unwrap(), []);
}
