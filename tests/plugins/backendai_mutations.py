"""Mutations as clients of Backend.AI send them."""

CREATE_USER = """mutation($email: String!, $props: UserInput!) {
    it: create_user(email: $email, props: $props) { ok msg user { email role groups { name } } }
}"""
MODIFY_USER = """mutation($email: String!, $props: ModifyUserInput!) {
    it: modify_user(email: $email, props: $props) { ok msg }
}"""
CREATE_GROUP = """mutation($name: String!, $props: GroupInput!) {
    it: create_group(name: $name, props: $props) { ok msg group { id name description } }
}"""
MODIFY_GROUP = """mutation($gid: UUID!, $props: ModifyGroupInput!) {
    it: modify_group(gid: $gid, props: $props) { ok msg }
}"""
CREATE_PAIR = """mutation($user: String!, $props: KeyPairInput!) {
    it: create_keypair(user_id: $user, props: $props) {
        ok msg keypair { access_key secret_key is_active is_admin }
    }
}"""
MODIFY_PAIR = """mutation($key: String!, $props: ModifyKeyPairInput!) {
    it: modify_keypair(access_key: $key, props: $props) { ok msg }
}"""
