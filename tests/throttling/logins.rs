//! Guessing passwords: by name and address, by address over many names, and from many addresses.

use super::{
    Sender, admitted, assert_throttled, hashes, login, new_address, server_with_limits, until_throttled,
};
use crate::support::server::ServerBuilder;
use crate::support::{App, Call, Page, Person, http, spawn_app, unique};

#[tokio::test]
async fn ten_failures_of_a_name_from_one_address_are_429_without_a_hash() {
    let (server, app, console) = server_with_limits().await;
    let person = Person::founder(&spawn_app().await).await;
    let (here, elsewhere) = (new_address(), new_address());
    let form = [
        ("email", person.username.as_str()),
        ("password", "wrong password"),
        ("tenant_name", &person.tenant_name),
        ("next", "/notes"),
    ];
    until_throttled(&app, 10, 401, |number| {
        let call = if number % 2 == 0 {
            login(&person.username, "wrong password", person.tenant_id)
        } else {
            Call::new("POST", "/login").form(&form)
        };
        call.sent_from(&here)
    })
    .await;
    let before = hashes(&console).await;
    let right = login(&person.username, &person.password, person.tenant_id);
    for call in [right.clone(), login(&person.username, "wrong password", person.tenant_id)] {
        let refused = app.answer(call.sent_from(&here)).await;
        assert_throttled(&refused);
        refused.expect_problem(429);
    }
    let refused = app.answer(Call::new("POST", "/login").form(&form).sent_from(&here)).await;
    assert_throttled(&refused);
    let page = Page::parse(&refused.text());
    assert_eq!((page.value("email"), page.value("next")), (person.username.clone(), "/notes".to_owned()));
    assert!(!refused.text().contains("wrong password"), "the password came back");
    assert!(page.text().contains("Too many attempts. Try again in"), "{}", page.text());
    assert_eq!(hashes(&console).await, before, "a refused login cost a hash");
    assert!(server.log().contains(&format!("login throttled: name \"{}\"", person.username)));
    admitted(&app, right.sent_from(&elsewhere)).await.expect(200);
    let other = login(&unique("nobody"), "wrong password", person.tenant_id);
    admitted(&app, other.sent_from(&here)).await.expect(401);
}

#[tokio::test]
async fn two_processes_count_failures_together() {
    let (_one, first, _) = server_with_limits().await;
    let (_two, second, _) = server_with_limits().await;
    let (name, here) = (unique("nobody"), new_address());
    for number in 0..10 {
        let app = if number % 2 == 0 { &first } else { &second };
        admitted(app, login(&name, "wrong password", 1).sent_from(&here)).await.expect(401);
    }
    // Ten each would make twenty.
    for app in [&first, &second] {
        let mut more = 0;
        while admitted(app, login(&name, "wrong password", 1).sent_from(&here)).await.status != 429 {
            more += 1;
            assert!(more < 5, "a second process lets more in");
        }
    }
}

#[tokio::test]
async fn a_refusal_for_the_name_uses_up_nothing_of_the_address() {
    let (_one, first, _) = server_with_limits().await;
    let (_two, second, _) = server_with_limits().await;
    let (name, here) = (unique("name"), new_address());
    until_throttled(&first, 10, 401, |_| login(&name, "wrong password", 1).sent_from(&here)).await;
    // This process does not know yet that the name is refused, and takes from the address's bucket first.
    assert_throttled(&second.answer(login(&name, "wrong password", 1).sent_from(&here)).await);
    // Thirty failures of the address less the ten of the name.
    for number in 0..20 {
        let other = login(&format!("{name}{number}"), "wrong password", 1).sent_from(&here);
        admitted(&second, other).await.expect(401);
    }
}

#[tokio::test]
async fn logins_that_succeed_use_nothing_up() {
    let (_server, app, _) = server_with_limits().await;
    let person = Person::founder(&spawn_app().await).await;
    let here = new_address();
    let wrong = || login(&person.username, "wrong password", person.tenant_id).sent_from(&here);
    for _ in 0..9 {
        admitted(&app, wrong()).await.expect(401);
    }
    let right = login(&person.username, &person.password, person.tenant_id);
    for _ in 0..20 {
        admitted(&app, right.clone().sent_from(&here)).await.expect(200);
    }
    // They have used nothing up, and have given none of the nine failures back.
    until_throttled(&app, 1, 401, |_| wrong()).await;
}

#[tokio::test]
async fn thirty_failures_from_one_address_over_many_names_are_429() {
    let (_server, app, _) = server_with_limits().await;
    let here = new_address();
    let guess = |_| login(&unique("nobody"), "wrong password", 1).sent_from(&here);
    until_throttled(&app, 30, 401, guess).await;
    // A neighbour in the same network is let in.
    let network = here.rsplit_once(':').and_then(|(head, _)| head.rsplit_once(':')?.0.rsplit_once(':'));
    let neighbour = format!("{}:ffff::1", network.expect("a network").0);
    admitted(&app, login(&unique("nobody"), "wrong password", 1).sent_from(&neighbour)).await.expect(401);
}

#[tokio::test]
async fn headers_with_made_up_addresses_do_not_avoid_the_limit() {
    let spare = [127, fastrand::u8(1..), fastrand::u8(..), fastrand::u8(2..)];
    spawn_app().await;
    let without_proxy = ServerBuilder::new().without("FAILURES_PER_ADDRESS").start_async().await;
    let mut app = App::of(&without_proxy);
    app.http = http::client().local_address(std::net::IpAddr::from(spare)).build().expect("an HTTP client");
    let name = unique("nobody");
    let guess = |headers: &[(&str, String)]| {
        let call = login(&name, "wrong password", 1);
        headers.iter().fold(call, |call, (header, value)| call.header(header, value))
    };
    until_throttled(&app, 10, 401, |_| {
        let address = new_address();
        let headers = [
            ("x-forwarded-for", address.clone()),
            ("forwarded", format!("for=\"[{address}]\"")),
            ("x-real-ip", address),
        ];
        guess(&headers)
    })
    .await;
    // Behind a proxy that is trusted only the address counts that the proxy added.
    let (_server, app, _) = server_with_limits().await;
    let (name, here) = (unique("nobody"), new_address());
    let behind = |_| login(&name, "wrong password", 1).sent_from(&format!("{}, {here}", new_address()));
    until_throttled(&app, 10, 401, behind).await;
}
