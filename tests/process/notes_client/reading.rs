//! Lists and notes on the terminal.

use serde_json::json;

use super::{ClientUser, number_in};

/// Text that would clear the screen, rename the window, write to the clipboard, colour, and reverse.
const COMMANDS: &str = "\u{1b}[2J\u{1b}]0;renamed\u{7}\u{1b}]52;c;cm0gLXJm\u{1b}\\\
                        \u{1b}[31mred\u{1b}[0m \u{9b}1mbold \
                        \u{202e}back\u{202c} \u{8}\u{8}over\rwritten \u{7f}\u{85}\u{feff}end";

fn has_commands(text: &str) -> bool {
    text.chars().any(|character| {
        (character.is_control() && character != '\n')
            || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    })
}

#[tokio::test]
async fn escape_sequences_of_a_note_are_not_printed() {
    let (user, script) = ClientUser::founder().await;
    let content = format!("first line\n{COMMANDS}\nlast line");
    let id = script.note(&content).await;
    let untitled = script.note(COMMANDS).await;
    let body = json!({"content": "titled", "title": "a \u{202e}title\u{2028}of\u{2066} two"});
    script.post("/api/notes", &body).await.expect(201);

    let shown = user.run(&["show", &id.to_string()]).await.expect(0).stdout;
    assert!(!has_commands(&shown), "{shown:?}");
    for visible in ["first line\n", "red bold back over", "written", "end\nlast line\n"] {
        assert!(shown.contains(visible), "{shown:?}");
    }
    assert!(!shown.contains("renamed") && !shown.contains("[31m"), "{shown:?}");
    let listed = user.run(&["list"]).await.expect(0).stdout;
    assert!(!has_commands(&listed) && listed.contains("a titleof two"), "{listed:?}");
    assert!(listed.contains(&format!("{untitled}  ")) && listed.lines().count() == 3, "{listed:?}");

    // JSON has the exact text, and no terminal acts on it.
    for (arguments, at) in [(vec!["show", "--json"], "/content"), (vec!["list", "--json"], "/2/content")] {
        let number = id.to_string();
        let arguments =
            if arguments[0] == "show" { [&arguments[..], &[&number]].concat() } else { arguments };
        let run = user.run(&arguments).await.expect(0);
        assert!(!has_commands(&run.stdout), "{:?}", run.stdout);
        assert_eq!(run.json().pointer(at).expect("a text"), &json!(content));
    }
}

#[tokio::test]
async fn a_list_follows_the_pages_as_far_as_asked() {
    let (user, script) = ClientUser::founder().await;
    for number in 0..103 {
        script.note(&format!("number {number}")).await;
    }
    let contents = async |arguments: &[&str]| -> Vec<String> {
        let list = user.run(&[&["list", "--json"], arguments].concat()).await.expect(0).json();
        let text = |note: &serde_json::Value| note["content"].as_str().expect("a text").to_owned();
        list.as_array().expect("a list").iter().map(text).collect()
    };
    let newest = |count: usize| -> Vec<String> {
        (0..103).rev().take(count).map(|number| format!("number {number}")).collect()
    };
    assert_eq!(contents(&[]).await, newest(20));
    assert_eq!(contents(&["--limit", "102"]).await, newest(102));
    assert_eq!(contents(&["--limit", "1000"]).await, newest(103));
    assert_eq!(contents(&["--limit", "1"]).await, newest(1));
    assert_eq!(contents(&["--search", "number 42"]).await, ["number 42"]);
    assert_eq!(contents(&["--search", "number -42", "--limit", "200"]).await.len(), 102);
    assert_eq!(contents(&["--search", "&limit=1#?%"]).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_note_is_added_shown_edited_and_deleted() {
    let (user, script) = ClientUser::founder().await;
    let file = user.home.path().join("note.md");
    std::fs::write(&file, "# From a file\n").expect("written");
    let id = number_in(&user.run(&["add", "--title", "A title", "note.md"]).await.expect(0));
    let number = id.to_string();
    let shown = user.run(&["show", &number]).await.expect(0).stdout;
    assert_eq!(shown, "A title\n\n# From a file\n");
    // The title stays unless another one is given.
    let run = user.run_with(&["edit", &number], b"from standard input").await.expect(0);
    assert_eq!(run.stdout, format!("Note {id} is stored as version 2.\n"));
    let note = script.read(id).await;
    assert_eq!((&note["title"], &note["content"]), (&json!("A title"), &json!("from standard input")));
    user.run(&["edit", &number, "--title", "Another", "note.md"]).await.expect(0);
    assert_eq!(script.read(id).await["title"], "Another");
    assert_eq!(std::fs::read_to_string(&file).expect("the file stays"), "# From a file\n");
    assert_eq!(user.kept(), Vec::<std::path::PathBuf>::new());
    user.run(&["delete", &number]).await.expect(0);
    script.get(&format!("/api/notes/{id}")).await.expect(404);

    // Edits of different lines since a version are merged.
    let id = script.note("one\ntwo\nthree\nfour\nfive\n").await;
    script.put(&format!("/api/notes/{id}"), &json!({"content": "ONE\ntwo\nthree\nfour\nfive\n"})).await;
    let arguments = ["edit", &id.to_string(), "--from-version", "1"];
    let run = user.run_with(&arguments, b"one\ntwo\nthree\nfour\nFIVE\n").await.expect(0);
    assert!(run.stdout.contains("merged"), "{run:?}");
    assert_eq!(script.read(id).await["content"], "ONE\ntwo\nthree\nfour\nFIVE\n");
}
