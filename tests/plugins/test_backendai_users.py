"""Users as clients of Backend.AI name them: by UUIDs, which are looked up."""

from __future__ import annotations

from pathlib import Path

from hanami_plugins.api_backendai import user_uuid
from hanami_plugins.users import User
from tests.plugins.backendai_kit import SignedClient, new_keys
from tests.whole import Whole


def test_a_user_is_found_by_uuid_with_one_look_into_an_index(tmp_path: Path) -> None:
    with Whole(tmp_path) as whole:
        admin = SignedClient(whole, new_keys(whole))
        whole.member("dorothy", "flower_shop")
        query = "query($id: ID) { user_from_uuid(user_id: $id) { email } }"
        assert admin.data(query, id=user_uuid("dorothy")) == {"user_from_uuid": {"email": "dorothy"}}
        assert admin.data(query, id=user_uuid("nobody")) == {"user_from_uuid": None}
        text, values = User.active().where(User.uuid == user_uuid("dorothy")).order_by().sql()
        plan = whole.runtime.database.driver.execute_sql(f"EXPLAIN QUERY PLAN {text}", values).fetchall()
        assert [row[-1].endswith("USING INDEX user_uuid (uuid=?)") for row in plan] == [True], plan
