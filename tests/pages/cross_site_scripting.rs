//! Cross-site scripting: user text never becomes markup.

use crate::support::{Browser, Call, Page, Person, database, spawn_app, unique};

const PAYLOADS: [&str; 40] = [
    "<script>alert(1)</script>",
    "<ScRiPt src=//evil.test>",
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<img/src=x/onerror=alert(1)//",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><animate onbegin=alert(1) attributeName=x>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<iframe src=javascript:alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<object data=data:text/html,x>",
    "<embed src=//evil.test>",
    "<base href=//evil.test/>",
    "<meta http-equiv=refresh content=0;url=//evil.test>",
    "<link rel=stylesheet href=//evil.test>",
    "<style>*{color:red}</style>",
    "<form action=//evil.test><input name=x>",
    "<button formaction=javascript:alert(1)>x",
    "<input autofocus onfocus=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<video><source onerror=alert(1)>",
    "<a href=javascript:alert(1)>x</a>",
    "<a href='jav&#x09;ascript:alert(1)'>x</a>",
    "<div style=background:url(//evil.test)>x</div>",
    "<p onclick=alert(1)>x",
    "\"><script>alert(1)</script>",
    "'><img src=x onerror=alert(1)>",
    "\" onmouseover=\"alert(1)",
    "' onmouseover='alert(1)",
    "` onmouseover=`alert(1)",
    "</textarea><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "</option></select><img src=x onerror=alert(1)>",
    "--><script>alert(1)</script>",
    "]]><script>alert(1)</script>",
    "<!--<img src=\"--><img src=x onerror=alert(1)//\">",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "{{7*7}}${7*7}<%= 7*7 %>",
    "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
];

const MARKDOWN: [&str; 16] = [
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\nscript:alert(1))",
    "[x](&#x6A;avascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:x)",
    "![x](javascript:alert(1))",
    "![x](https://evil.test/pixel.gif)",
    "![x\" onerror=\"alert(1)](x)",
    "[x](https://example.test \"t\\\" onclick=\\\"alert(1)\")",
    "<javascript:alert(1)>",
    "[x]: javascript:alert(1)\n\n[x]",
    "```\"><script>alert(1)</script>\nx\n```",
    "``` x onclick=alert(1)\nx\n```",
    "<div markdown=1 id=main class=flash>x</div>",
    "# <img src=x onerror=alert(1)>",
];

/// Fails if the page contains markup that user text must never produce.
#[track_caller]
fn assert_no_injected_markup(page: &Page, payload: &str) {
    let forbidden = "iframe, object, embed, base, style, svg script, math, video, audio, \
                     meta[http-equiv], form:not([action^='/']), [style], [srcdoc], \
                     [formaction]:not([formaction^='/notes'])";
    if let Some(element) = page.all(forbidden).first() {
        panic!("{payload}: {}", element.html());
    }
    for script in page.all("script") {
        let source = script.value().attr("src").unwrap_or_default();
        assert!(source.starts_with("/static/"), "{payload}: {}", script.html());
    }
    for element in page.all("*") {
        for (name, value) in element.value().attrs() {
            assert!(!name.starts_with("on"), "{payload}: {}", element.html());
            if !["href", "src", "action"].contains(&name) {
                continue;
            }
            let value: String = value.chars().filter(|c| !c.is_ascii_control() && *c != ' ').collect();
            let scheme = value.to_lowercase();
            for bad in ["javascript:", "data:", "vbscript:"] {
                assert!(!scheme.starts_with(bad), "{payload}: {}", element.html());
            }
        }
    }
    for link in page.all("link[rel=stylesheet], link[rel=icon]") {
        assert!(link.value().attr("href").is_some_and(|href| href.starts_with("/static/")));
    }
    for image in page.all("img") {
        let source = image.value().attr("src").unwrap_or_default();
        assert!(!source.contains("evil.test"), "{payload}: {}", image.html());
    }
}

#[tokio::test]
async fn a_note_renders_as_markdown_without_scripts_or_html() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let (script, browser) = (person.script(&app).await, person.browser(&app).await);
    for payload in PAYLOADS.iter().chain(&MARKDOWN) {
        let title: String = payload.replace(['\n', '\r'], " ").chars().take(200).collect();
        let body = serde_json::json!({"title": title, "content": payload});
        let id = script.post("/api/notes", &body).await.expect(201).json()["note_id"].clone();
        let path = format!("/notes/{id}");
        for address in [path.clone(), format!("{path}/edit"), "/notes".to_owned()] {
            assert_no_injected_markup(&browser.page(&address).await, payload);
        }
        let edit = browser.page(&format!("{path}/edit")).await;
        assert_eq!(edit.value("content"), *payload);
        assert_eq!(edit.value("title"), title.trim());
        script.delete(&format!("/api/notes/{id}")).await.expect(204);
    }
    assert_no_injected_markup(&browser.page("/bin").await, "the bin");
}

#[tokio::test]
async fn a_title_adds_no_element_or_attribute() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let (script, browser) = (person.script(&app).await, person.browser(&app).await);
    let id = script.note("plain").await;
    let title = |title: &str| serde_json::json!({"content": "plain", "title": title});
    let path = format!("/notes/{id}");
    script.put(&format!("/api{path}"), &title("plain")).await.expect(200);
    let addresses = [path.clone(), format!("{path}/edit"), "/notes".into(), "/dashboard".into()];
    let mut plain = Vec::new();
    for address in &addresses {
        plain.push(browser.page(address).await.elements_with_attributes());
    }
    for payload in PAYLOADS {
        script.put(&format!("/api{path}"), &title(payload)).await.expect(200);
        for (address, plain) in addresses.iter().zip(&plain) {
            let page = browser.page(address).await;
            assert_eq!(&page.elements_with_attributes(), plain, "{payload} on {address}");
            assert!(page.text().contains(payload) || page.value("title") == payload);
        }
    }
}

#[tokio::test]
async fn refused_forms_show_payloads_as_text() {
    let app = spawn_app().await;
    let browser = Browser::new(&app);
    for payload in PAYLOADS {
        let fields =
            [("username", payload), ("email", payload), ("password", "short"), ("tenant_name", payload)];
        let answer = browser.post("/register", &fields).await.expect(422);
        let page = Page::parse(&answer.text());
        assert_no_injected_markup(&page, payload);
        for field in ["username", "email", "tenant_name"] {
            assert_eq!(page.value(field), payload);
        }
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("next", &format!("/{payload}"))
            .append_pair("email", payload)
            .finish();
        assert_no_injected_markup(&browser.page(&format!("/login?{query}")).await, payload);
        let path: String = form_urlencoded::byte_serialize(payload.as_bytes()).collect();
        let missing = app.get(&format!("/{path}")).await;
        assert_no_injected_markup(&Page::parse(&missing.text()), payload);
    }
}

#[tokio::test]
async fn a_draft_on_the_login_page_stays_text() {
    let app = spawn_app().await;
    for payload in PAYLOADS {
        let fields = [("title", payload), ("content", payload)];
        let answer = app.post_form("/notes", &fields).await.expect(401);
        let page = Page::parse(&answer.text());
        assert_no_injected_markup(&page, payload);
        assert_eq!(page.value("draft_content"), payload);
        assert_eq!(page.value("draft_title"), payload);
    }
}

#[tokio::test]
async fn names_of_people_and_tenants_stay_text() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let client = database::admin().await;
    let call = Call::new("GET", "/api/me").header("user-agent", "<img src=x onerror=alert(1)>");
    person.script(&app).await.answer(call).await.expect(200);
    let browser = person.browser(&app).await;
    for payloads in PAYLOADS.chunks(8) {
        let joined = payloads.join(" ");
        for statement in [
            "UPDATE shared.tenants SET name = $2 WHERE id = $1",
            "UPDATE shared.users SET username = $2, email = $2 WHERE tenant_id = $1",
            "UPDATE sessions SET user_agent = $2 WHERE tenant_id = $1",
        ] {
            let values: [&(dyn tokio_postgres::types::ToSql + Sync); 2] = [&person.tenant_id, &joined];
            client.execute(statement, &values).await.expect("payloads");
        }
        database::wait_for_session_cache_expiry().await;
        for address in ["/dashboard", "/account"] {
            let page = browser.page(address).await;
            assert_no_injected_markup(&page, &joined);
            for payload in payloads {
                assert!(page.text().contains(payload), "{payload} is not shown on {address}");
            }
        }
    }
}

#[tokio::test]
async fn the_history_and_the_conflict_page_show_text_only() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let (script, browser) = (person.script(&app).await, person.browser(&app).await);
    for payload in PAYLOADS.iter().step_by(4) {
        let id = script.note(&format!("{payload}\nfirst")).await;
        let path = format!("/notes/{id}");
        let body = serde_json::json!({"content": format!("{payload}\nsecond")});
        script.put(&format!("/api{path}"), &body).await.expect(200);
        assert_no_injected_markup(&browser.page(&format!("{path}/revisions")).await, payload);
        let third = format!("{payload}\nthird");
        let fields = [("title", *payload), ("content", third.as_str()), ("version", "1")];
        let answer = browser.post(&path, &fields).await.expect(409);
        assert_no_injected_markup(&Page::parse(&answer.text()), payload);
    }
}

#[tokio::test]
async fn markdown_is_rendered() {
    let app = spawn_app().await;
    let browser = Person::founder(&app).await.browser(&app).await;
    let mark = unique("mark");
    let text = format!(
        "# {mark}\n\n**bold** *italic* `code`\n\n- one\n- two\n\n> quoted\n\n\
         [link](https://example.test/page)\n\n```\nblock\n```\n"
    );
    let id = browser.note(&text).await;
    let page = browser.page(&format!("/notes/{id}")).await;
    for element in ["strong", "em", "code", "ul li", "blockquote", "pre code"] {
        assert!(page.has(&format!("main {element}")), "no {element}");
    }
    let link = page.one("a[href='https://example.test/page']");
    let relation = link.value().attr("rel").unwrap_or_default();
    assert!(relation.contains("noopener") || relation.contains("noreferrer"), "{relation}");
}
