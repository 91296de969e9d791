"""Four-eyes approval: requested over HTTP, approved by another admin, executed once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from merlin.account.approvals import Approvals, ApprovalState
from merlin.account.users import Users
from merlin.app import approvals, users
from merlin.app.actor import Actor
from merlin.config import load
from merlin.config.settings import SecurityConfig
from merlin.core.clock import utc_now
from merlin.core.errors import ConfigError, NotFound, Refused
from merlin.core.permissions import Role
from merlin.db.audit import Audit
from merlin.db.notices import OTHERS, Notices
from tests.api.running_api import ANNA, BORIS, VERA

pytestmark = pytest.mark.functional
TEACHER = {"role": "editor"}
ROLES = f"/api/users/{ANNA}/roles"


def require_two_admins(site):
    """Require two admins for every protected action of an API."""
    config = site.services.config
    security = SecurityConfig(two_people=("refund", "role", "promote"))
    site.override_services(config=config.model_copy(update={"security": security}))


@pytest.fixture
def vera(site):
    """Require two admins for every protected action; yield the browser of one of two admins."""
    require_two_admins(site)
    for admin in (VERA, BORIS):
        site.add_user(admin, Role.ADMIN)
    site.add_user(ANNA)
    with site.browser_client(VERA) as program:
        yield program


def make_context(site, user_id):
    """Return the first arguments of an action by this user."""
    return site.app.state.services, Actor.person(user_id, site.roles.authority(user_id))


def ask_for_role(vera, role=TEACHER):
    """Request a role; return the number of the pending approval."""
    response = vera.post(ROLES, json=role)
    assert response.status_code == 409
    assert response.json()["type"] == "urn:merlin:problem:approval-needed"
    return int(response.json()["approval"])


def role_of(site, user_id=ANNA):
    return site.roles.authority(user_id).role


def test_admin_cannot_create_another_admin_alone_when_approval_is_required(site):
    security = SecurityConfig(two_people=("refund",))
    site.override_services(config=site.services.config.model_copy(update={"security": security}))
    for admin in (VERA, BORIS):
        site.add_user(admin, Role.ADMIN)
    site.add_user(ANNA)
    with site.browser_client(VERA) as vera:
        ask_for_role(vera, {"role": "admin"})
    assert role_of(site) is Role.STUDENT


def test_role_grant_waits_for_another_admin_and_is_applied_once(site, vera):
    number = ask_for_role(vera)
    assert role_of(site) is Role.STUDENT
    assert ask_for_role(vera) == number
    (notice,) = [
        n for n in Notices(site.db).list_newest(OTHERS, 9) if n.key == "notice-approval-asked"
    ]
    assert notice.arguments["by"] == f"user:{VERA}"
    with pytest.raises(Refused) as error:
        approvals.approve(*make_context(site, VERA), number)
    assert error.value.key == "approval-own"
    assert role_of(site) is Role.STUDENT
    result = approvals.approve(*make_context(site, BORIS), number)
    assert result.approval.state is ApprovalState.APPROVED
    assert role_of(site) is Role.EDITOR
    entries = Audit(site.db).list_newest(3, f"user:{ANNA}")
    assert [(entry.action, entry.by) for entry in entries] == [
        ("role.grant", f"user:{VERA}"),
        ("approval.approve", f"user:{BORIS}"),
        ("approval.ask", f"user:{VERA}"),
    ]
    assert entries[1].arguments["asked_by"] == f"user:{VERA}"
    assert "notice-approval-approved" in {n.key for n in Notices(site.db).list_newest(str(VERA), 9)}
    with pytest.raises(Refused):
        approvals.approve(*make_context(site, BORIS), number)


def test_role_revocation_needs_a_second_admin(site, vera):
    site.add_user(ANNA, Role.EDITOR)
    number = int(vera.delete(ROLES).json()["approval"])
    assert role_of(site) is Role.EDITOR
    approvals.approve(*make_context(site, BORIS), number)
    assert role_of(site) is Role.STUDENT


def test_invalid_request_is_refused_without_asking_for_approval(site, vera):
    wrong = vera.post(ROLES, json={"role": "teacher"})
    assert wrong.json()["type"] == "urn:merlin:problem:refused"
    assert vera.post("/api/users/77/roles", json=TEACHER).status_code == 404
    assert not Approvals(site.db).list_waiting()
    assert [entry.action for entry in Audit(site.db).list_newest(9, f"user:{ANNA}")] == []


def test_user_without_the_permission_cannot_approve(site, vera):
    number = ask_for_role(vera)
    site.add_user(ANNA, Role.EDITOR)
    assert approvals.list_waiting(*make_context(site, ANNA)) == []
    with pytest.raises(NotFound):
        approvals.approve(*make_context(site, ANNA), number)


def test_declined_request_is_not_executed(site, vera):
    number = ask_for_role(vera)
    approvals.decline(*make_context(site, BORIS), number)
    assert role_of(site) is Role.STUDENT
    assert "notice-approval-declined" in {n.key for n in Notices(site.db).list_newest(str(VERA), 9)}
    assert ask_for_role(vera) != number


@pytest.mark.parametrize("cause", ["role", "block"])
def test_approval_fails_if_requester_has_lost_the_permission(site, vera, cause):
    number = ask_for_role(vera)
    if cause == "role":
        site.roles.revoke(VERA, "cli:boris")
    else:
        Users(site.db).block(VERA, "cli:boris")
    failed = approvals.approve(*make_context(site, BORIS), number)
    assert failed.approval.state is ApprovalState.FAILED
    assert failed.reason is not None
    assert role_of(site) is Role.STUDENT
    assert "notice-approval-failed" in {n.key for n in Notices(site.db).list_newest(str(VERA), 9)}


def test_approval_expires_after_a_day(site, vera):
    number = ask_for_role(vera)
    later = utc_now() + timedelta(hours=25)
    site.override_services(clock=lambda: later)
    assert approvals.list_waiting(*make_context(site, BORIS)) == []
    with pytest.raises(Refused):
        approvals.approve(*make_context(site, BORIS), number)
    rows = Approvals(site.db, lambda: later)
    assert (rows.expire(), rows.expire()) == (1, 0)
    assert rows.get(number).state is ApprovalState.EXPIRED
    assert "notice-approval-expired" in {n.key for n in Notices(site.db).list_newest(str(VERA), 9)}


def test_two_simultaneous_approvals_execute_the_request_once(site, vera):
    site.add_user(1009, Role.ADMIN)
    number = ask_for_role(vera)

    def approve(admin):
        try:
            approvals.approve(*make_context(site, admin), number)
        except Refused as error:
            return error.key
        return "done"

    with ThreadPoolExecutor(2) as pool:
        results = sorted(pool.map(approve, (BORIS, 1009)))
    assert results == ["approval-decided", "done"]
    assert [e.action for e in Audit(site.db).list_newest(9, f"user:{ANNA}")].count(
        "role.grant"
    ) == 1


def test_operator_needs_no_second_approval(site, vera):
    users.grant_role(site.app.state.services, Actor.operator(), ANNA, Role.EDITOR)
    assert role_of(site) is Role.EDITOR
    site.roles.revoke(ANNA, "cli:vera")
    number = ask_for_role(vera)
    approvals.approve(site.app.state.services, Actor.operator(), number)
    assert role_of(site) is Role.EDITOR


def test_refund_waits_for_approval_and_is_requested_from_gateway_once(shop):
    order_id = shop.buyer().buy("pack")
    shop.site.add_user(BORIS, Role.ADMIN)
    before = shop.site.app.state.services
    require_two_admins(shop.site)
    address, body = f"/api/payments/{order_id}/refund", {"reason": "не подошло"}
    try:
        assert shop.admin.post(address, json={**body, "minor": 10**6}).status_code == 409
        response = shop.admin.post(address, json=body)
        number = response.json()["approval"]
        assert "approval" not in shop.admin.post(address, json={**body, "minor": 10**6}).json()
        assert shop.billing.refunds.list_of_purchase(order_id) == []
        approvals.approve(*make_context(shop.site, BORIS), number)
    finally:
        shop.site.app.state.services = before
    shop.wait_for_state(order_id, "refunded")
    (refund,) = shop.billing.refunds.list_of_purchase(order_id)
    assert (refund.by, refund.amount.minor) == (f"user:{VERA}", 9900)


@pytest.mark.parametrize("admins", ["[]", "[1001]", "[1001, 1001]"])
def test_two_people_setting_requires_at_least_two_admins(tmp_path, admins):
    text = f"state_dir: .\nsecurity: {{two_people: [refund]}}\ntelegram: {{admins: {admins}}}\n"
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"security\.two_people"):
        load(tmp_path / "config.yaml")
    (tmp_path / "config.yaml").write_text(text.replace(admins, "[1001, 1002]"))
    assert load(tmp_path / "config.yaml").security.two_people == ("refund",)


def test_approvals_page_lists_pending_requests_and_decides_them(site, vera):
    number, other = ask_for_role(vera), ask_for_role(vera, {"role": "teacher", "scope": "networks"})
    text = vera.get("/admin/approvals").text
    assert "Отменить заявку" in text
    assert f"/admin/approvals/{number}/approve" not in text
    waiting = "2 заявки ждут вашего подтверждения"
    assert waiting not in vera.get("/admin/board").text
    with site.browser_client(BORIS) as boris:
        assert waiting in boris.get("/admin/board").text
        page = boris.get("/admin/approvals").text
        assert "выдать роль: редактор" in page
        assert 'href="/admin/approvals" aria-current="page"' in page
        pressed = {"once": "0" * 32}
        approved = boris.post(f"/admin/approvals/{number}/approve", data=pressed)
        assert approved.headers["location"] == "/admin/approvals?said=approved"
        assert role_of(site) is Role.EDITOR
        again = boris.post(f"/admin/approvals/{number}/approve", data=pressed)
        assert (again.status_code, "уже подтверждена" in again.text) == (409, True)
        boris.post(f"/admin/approvals/{other}/decline", data=pressed)
        again = boris.post(f"/admin/approvals/{other}/approve", data=pressed)
        assert (again.status_code, "уже отклонена" in again.text) == (409, True)
        assert "Ничего не ждёт подтверждения" in boris.get("/admin/approvals").text
    number = ask_for_role(vera, {"role": "student"})
    with site.browser_client(ANNA) as anna:
        assert "Ничего не ждёт подтверждения" in anna.get("/admin/approvals").text
        pressed = anna.post(f"/admin/approvals/{number}/approve", data=pressed)
        assert pressed.status_code == 404
    assert role_of(site) is Role.EDITOR
