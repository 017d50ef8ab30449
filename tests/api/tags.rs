//! Tags: their rules and limits, many positions at once, and their way back.

use serde_json::{Value, json};

use crate::support::{App, Person, numbered, user_codes};

const TAG: &str = "tag { id name kind color description positionCount }
                   userErrors { code message field hint }";
const POSITIONS: &str = "positions { id symbol tags { name } } userErrors { code field hint }";

impl Person {
    /// The payload of a mutation with one input, and these fields.
    async fn does(&self, mutation: &str, input: Value, fields: &str) -> Value {
        let (first, rest) = mutation.split_at(1);
        // Both bulk mutations take the same input.
        let kind = match mutation {
            "untagPositions" => "TagPositionsInput".to_owned(),
            _ => format!("{}{rest}Input", first.to_uppercase()),
        };
        let query =
            format!("mutation($input: {kind}!) {{ {mutation}(input: $input) {{ {fields} }} }}");
        self.reads(&query, json!({ "input": input })).await[mutation].take()
    }

    async fn makes_tag(&self, name: &str) -> Value {
        self.does("createTag", json!({ "name": name }), TAG).await
    }

    async fn tag_names(&self) -> Vec<Value> {
        let all = self.reads("{ viewer { tags { name } } }", json!({})).await;
        let all = all["viewer"]["tags"].as_array().expect("tags").clone();
        all.into_iter().map(|tag| tag["name"].clone()).collect()
    }

    /// Ids of the positions of a book, by symbol.
    async fn position_ids(&self, book: &str) -> Vec<Value> {
        let query =
            "query($id: ID!) { portfolio(id: $id) { positions(first: 500) { nodes { id } } } }";
        let told = self.reads(query, json!({ "id": book })).await;
        let nodes = told["portfolio"]["positions"]["nodes"].as_array().expect("a list").clone();
        nodes.into_iter().map(|node| node["id"].clone()).collect()
    }
}

/// Somebody with so many positions, without tags.
async fn with_positions(app: &App, name: &str, many: usize) -> (Person, Vec<Value>) {
    let person = app.sign_in(name).await;
    let book = person.creates_portfolio("Core").await;
    let rows = numbered(0..many, |n| format!("T{n},1,10,2025-12-01\n"));
    person.uploads(&book, format!("ticker,quantity,entry_price,entry_date\n{rows}")).await;
    let ids = person.position_ids(&book).await;
    assert_eq!(ids.len(), many);
    (person, ids)
}

#[tokio::test]
async fn names_keep_the_rules_and_are_one_whatever_their_case() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let made = ada.makes_tag("  Tail   hedge ").await;
    assert_eq!(
        (&made["tag"]["name"], &made["tag"]["kind"]),
        (&json!("Tail hedge"), &json!("REGULAR"))
    );
    let strategy = ada.makes_tag("#Strategy:collar").await;
    assert_eq!(strategy["tag"]["kind"], "STRATEGY");
    assert!(ada.makes_tag(&"é".repeat(50)).await["tag"].is_object());

    let taken = ada.makes_tag("TAIL HEDGE").await;
    assert_eq!(user_codes(&taken), ["CONFLICT"]);
    for name in ["", "  ", "=1", "+a", "-a", "@a", "a\u{7}b", "a\u{0}b", &"a".repeat(51)] {
        let said = ada.makes_tag(name).await;
        assert_eq!(user_codes(&said), ["VALIDATION"], "{name:?}");
        assert_eq!(said["userErrors"][0]["field"], json!(["name"]));
    }
    for color in ["red", "#12345", "#12345g", "#1234567"] {
        let said = ada.does("createTag", json!({ "name": "c", "color": color }), TAG).await;
        assert_eq!(said["userErrors"][0]["field"], json!(["color"]), "{color}");
    }

    let id = made["tag"]["id"].clone();
    let input =
        json!({ "id": id, "name": "#strategy:Hedge", "color": "#aabbcc", "description": "d" });
    let changed = ada.does("updateTag", input, TAG).await["tag"].take();
    assert_eq!((&changed["id"], &changed["kind"]), (&id, &json!("STRATEGY")));
    assert_eq!((&changed["color"], &changed["description"]), (&json!("#AABBCC"), &json!("d")));
    let input = json!({ "id": id, "name": "#STRATEGY:collar" });
    assert_eq!(user_codes(&ada.does("updateTag", input, TAG).await), ["CONFLICT"]);
    let input = json!({ "id": id, "description": "" });
    assert_eq!(ada.does("updateTag", input, TAG).await["tag"]["description"], Value::Null);
}

#[tokio::test]
async fn a_person_has_a_hundred_tags_and_a_position_twenty() {
    let app = App::start().await;
    let (ada, ids) = with_positions(&app, "ada", 3).await;
    let names =
        |numbers: std::ops::Range<usize>| numbers.map(|n| format!("t{n}")).collect::<Vec<_>>();
    for first in [0, 20, 40, 60] {
        let input = json!({ "positionId": ids[0], "tags": names(first..first + 20) });
        let said =
            ada.does("setPositionTags", input, "position { tags { name } } userErrors { code }");
        let said = said.await;
        assert_eq!(said["position"]["tags"].as_array().map(Vec::len), Some(20), "{said}");
    }
    // Nineteen more for one that has twenty already.
    let input = json!({ "positionIds": [ids[1], ids[0]], "tags": names(80..99) });
    let said = ada.does("tagPositions", input, POSITIONS).await;
    assert_eq!(user_codes(&said), ["LIMIT_EXCEEDED"]);
    assert_eq!(said["userErrors"][0]["field"], json!(["positionIds", "1"]));
    assert_eq!(ada.tag_names().await.len(), 80, "nothing was stored");

    let input = json!({ "positionIds": [ids[1]], "tags": names(80..100) });
    assert_eq!(user_codes(&ada.does("tagPositions", input, POSITIONS).await), [""; 0]);
    assert_eq!(ada.tag_names().await.len(), 100);
    let said = ada.makes_tag("one more").await;
    assert_eq!(user_codes(&said), ["LIMIT_EXCEEDED"]);
    let input = json!({ "positionIds": [ids[2]], "tags": ["one more"] });
    let said = ada.does("tagPositions", input, POSITIONS).await;
    assert_eq!(said["userErrors"][0]["field"], json!(["tags"]));
    let input = json!({ "positionIds": [ids[2]], "tags": names(0..21) });
    assert_eq!(user_codes(&ada.does("tagPositions", input, POSITIONS).await), ["VALIDATION"]);
}

#[tokio::test]
async fn a_tag_without_a_name_is_told_where_it_stands() {
    let app = App::start().await;
    let (ada, ids) = with_positions(&app, "ada", 1).await;
    let many = json!({ "positionIds": ids, "tags": ["core", " \t"] });
    for (mutation, input) in [
        ("setPositionTags", json!({ "positionId": ids[0], "tags": ["core", ""] })),
        ("tagPositions", many.clone()),
        ("untagPositions", many),
        ("updatePosition", json!({ "id": ids[0], "tags": ["core", ""] })),
    ] {
        let said = ada.does(mutation, input, "userErrors { code field message }").await;
        let blank = json!([{ "code": "VALIDATION", "field": ["tags", "1"],
                             "message": "A tag has 1 to 50 printable characters." }]);
        assert_eq!(said["userErrors"], blank, "{mutation}");
    }
    assert_eq!(ada.tag_names().await, [""; 0], "nothing was stored");
}

#[tokio::test]
async fn many_positions_are_tagged_at_once_with_as_many_statements_as_one() {
    let app = App::start().await;
    let mut taken = Vec::new();
    for (name, many) in [("ada", 1), ("bob", 200)] {
        let (person, ids) = with_positions(&app, name, many).await;
        for mutation in ["tagPositions", "untagPositions"] {
            let query = format!(
                "mutation($input: TagPositionsInput!) {{
                    {mutation}(input: $input) {{ positions {{ id tags {{ name }} }} userErrors {{ code }} }}
                }}"
            );
            let input = json!({ "positionIds": ids, "tags": ["one", "two"] });
            let answer = person.asks(&query, json!({ "input": input })).await;
            let positions = answer["data"][mutation]["positions"].as_array().expect("positions");
            assert_eq!(positions.len(), many);
            let tags = if mutation == "tagPositions" {
                json!([{ "name": "one" }, { "name": "two" }])
            } else {
                json!([])
            };
            for (position, id) in positions.iter().zip(&ids) {
                assert_eq!((&position["id"], &position["tags"]), (id, &tags));
            }
            taken.push(answer["extensions"]["statements"].as_u64().expect("a number"));
        }
    }
    assert_eq!(taken[..2], taken[2..], "statements of one and of two hundred");
}

#[tokio::test]
async fn a_tag_in_use_goes_by_force_and_comes_back_for_thirty_days() {
    let app = App::start().await;
    let (ada, ids) = with_positions(&app, "ada", 2).await;
    let input = json!({ "positionIds": ids, "tags": ["core", "other"] });
    ada.does("tagPositions", input, POSITIONS).await;
    let tags = ada.reads("{ viewer { tags(search: \"core\") { id } } }", json!({})).await;
    let id = tags["viewer"]["tags"][0]["id"].clone();

    let fields = "deletedId affectedPositions userErrors { code field hint }";
    let said = ada.does("deleteTag", json!({ "id": id }), fields).await;
    assert_eq!((&said["deletedId"], &said["affectedPositions"]), (&Value::Null, &json!(2)));
    assert_eq!(user_codes(&said), ["CONFLICT"]);
    let said = ada.does("deleteTag", json!({ "id": id, "force": true }), fields).await;
    assert_eq!((&said["deletedId"], &said["affectedPositions"]), (&id, &json!(2)));
    assert_eq!(ada.tag_names().await, ["other"]);
    let node = "query($id: ID!) { node(id: $id) { ... on Tag { name } } position(id: $id) { id } }";
    assert_eq!(ada.reads(node, json!({ "id": id })).await["node"], Value::Null);

    let deleted = "{ viewer { deletedTags { tag { id name positionCount } restorableUntil } } }";
    let told = ada.reads(deleted, json!({})).await;
    assert_eq!(told["viewer"]["deletedTags"][0]["tag"]["id"], id);
    assert_eq!(told["viewer"]["deletedTags"][0]["tag"]["positionCount"], 2);

    // Somebody else's is not there; one made anew has the name, and is on nothing.
    let bob = app.sign_in("bob").await;
    let said = bob.does("restoreTag", json!({ "id": id }), TAG).await;
    assert_eq!(user_codes(&said), ["NOT_FOUND"]);
    let fresh = ada.makes_tag("Core").await["tag"].take();
    assert_eq!(fresh["positionCount"], 0);
    let said = ada.does("restoreTag", json!({ "id": id }), TAG).await;
    assert_eq!(user_codes(&said), ["CONFLICT"]);
    ada.does("deleteTag", json!({ "id": fresh["id"] }), fields).await;

    let late = ada.before(&app.restart().at("2026-02-04T21:29:59Z").await);
    let late = late.app.sign_in("ada").await;
    let back = late.does("restoreTag", json!({ "id": id }), TAG).await;
    assert_eq!((&back["tag"]["name"], &back["tag"]["positionCount"]), (&json!("core"), &json!(2)));
    let input = json!({ "positionIds": [ids[0]], "tags": [] });
    let said = late.does("untagPositions", input, POSITIONS).await;
    assert_eq!(said["positions"][0]["tags"], json!([{ "name": "core" }, { "name": "other" }]));
}

#[tokio::test]
async fn after_thirty_days_a_deleted_tag_is_gone() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    // She has no portfolio any more, or none yet.
    let id = ada.makes_tag("core").await["tag"]["id"].clone();
    let input = json!({ "id": id });
    ada.does("deleteTag", input.clone(), "deletedId userErrors { code }").await;

    let late = app.restart().at("2026-02-04T21:30:00Z").await;
    let ada = late.sign_in("ada").await;
    assert_eq!(user_codes(&ada.does("restoreTag", input, TAG).await), ["NOT_FOUND"]);
    let admin = late.sign_in_admin("olga").await;
    let run = "mutation { runBatch(input: { kind: RETENTION }) { userErrors { code } } }";
    admin.reads(run, json!({})).await;
    late.works_through_its_queue().await;
    let left = sqlx::query_scalar::<_, i64>("select count(*) from tags");
    assert_eq!(left.fetch_one(&mut late.superuser().await).await.expect("a count"), 0);
}

#[tokio::test]
async fn tags_and_positions_of_others_are_not_there() {
    let app = App::start().await;
    let (ada, ids) = with_positions(&app, "ada", 1).await;
    let (bob, own) = with_positions(&app, "bob", 1).await;
    let tag = ada.makes_tag("core").await["tag"]["id"].clone();
    for (mutation, input) in [
        ("updateTag", json!({ "id": tag, "name": "x" })),
        ("deleteTag", json!({ "id": tag, "force": true })),
        ("restoreTag", json!({ "id": tag })),
        ("setPositionTags", json!({ "positionId": ids[0], "tags": ["x"] })),
        ("tagPositions", json!({ "positionIds": [own[0], ids[0]], "tags": ["x"] })),
        ("untagPositions", json!({ "positionIds": [own[0], ids[0]], "tags": ["x"] })),
        ("tagPositions", json!({ "positionIds": ["nonsense"], "tags": ["x"] })),
    ] {
        let said = bob.does(mutation, input, "userErrors { code field }").await;
        assert_eq!(user_codes(&said), ["NOT_FOUND"], "{mutation}");
    }
    assert_eq!(bob.tag_names().await, [""; 0], "all or nothing");
    // The same name is another tag to each.
    assert!(bob.makes_tag("core").await["tag"].is_object());
    assert_eq!(ada.tag_names().await, ["core"]);
}
