"""U5–U7, U11: a course's materials by type, a material with its text or file, the way back."""

import re

import pytest
from playwright.sync_api import expect

from merlin.course.catalogue import Catalogue
from tests.browser.course_browser import find_cards, stop_timers, wait_for_address

pytestmark = pytest.mark.integration


def course_path(site, slug="algorithms"):
    return f"/courses/{site.course_id(slug)}"


def material_path(site, title, slug="algorithms"):
    materials = Catalogue(site.db).materials(slug)
    material_id = next(
        item.material_id for item in materials if item.title("ru") == title
    )
    return f"{course_path(site, slug)}/materials/{material_id}"


def find_titles(page):
    return page.locator(".rows > li > a")


def test_u5_u6_u11_course_opens_its_materials_and_a_material_leads_back(
    visitor, course_site
):
    page = visitor.open("/")
    find_cards(page).filter(has_text="Алгоритмы и структуры данных").get_by_role(
        "link"
    ).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "Алгоритмы и структуры данных"
    )
    wait_for_address(page, course_path(course_site))
    expect(page.get_by_role("heading", level=2)).to_contain_text(
        ["Лекции", "Семинары", "Лабораторные"]
    )
    expect(find_titles(page)).to_have_count(9)
    expect(page.locator(".rows > li").first).to_contain_text(
        re.compile(r"Введение в алгоритмы.*Лекция\s1 · Текст", re.DOTALL)
    )
    find_titles(page).filter(has_text="Введение в алгоритмы").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Введение в алгоритмы")
    article = page.get_by_role("article")
    expect(article.get_by_role("heading", name="Что такое алгоритм")).to_be_visible()
    expect(article.locator("pre").first).to_contain_text("def find(values, x):")
    expect(article.get_by_role("table")).to_be_visible()
    page.get_by_role("link", name="Назад", exact=True).click()
    expect(find_titles(page)).to_have_count(9)
    wait_for_address(page, course_path(course_site))


def test_u7_materials_are_filtered_by_type_with_counts_and_a_url(visitor, course_site):
    page = visitor.open(course_path(course_site))
    filters = page.get_by_role("navigation", name="Тип материала")
    expect(filters.get_by_role("link")).to_have_text(
        ["Все 9", "Лекции 4", "Семинары 2", "Лабораторные 3"]
    )
    filters.get_by_role("link", name="Лабораторные").click()
    expect(find_titles(page)).to_have_text(
        ["Практика: сортировки", "Практика: хеш-таблица", "Практика: графы"]
    )
    wait_for_address(page, f"{course_path(course_site)}?type=lab")
    expect(filters.get_by_role("link", name="Лабораторные")).to_have_attribute(
        "aria-current", "true"
    )
    expect(filters.get_by_role("link", name="Лабораторные")).to_be_focused()
    expect(
        page.get_by_role("status").filter(has_text="Показано 3 материала")
    ).to_be_attached()
    page.go_back()
    expect(find_titles(page)).to_have_count(9)
    page.goto(f"{course_site.address}{course_path(course_site)}?type=seminar")
    expect(find_titles(page)).to_have_count(2)


def test_code_is_copied(visitor, course_site):
    permissions = ["clipboard-read", "clipboard-write"]
    page = visitor.page(is_new=True, permissions=permissions)
    page.goto(course_site.address + material_path(course_site, "Введение в алгоритмы"))
    stop_timers(page)
    block = page.locator(".code").first
    block.hover()
    block.get_by_role("button", name="Скопировать").click()
    expect(block.get_by_role("button", name="Скопировано")).to_be_visible()
    assert "def find(values, x):" in page.evaluate("navigator.clipboard.readText()")
