"""Rules on URLs: what matches, what must not, what a decision says, and lists of the size of UT1's."""

import random

import pyarrow as pa
import pytest

from curation.errors import ArtifactError
from curation.quality.gates import Gate
from curation.quality.listed import ListFile, read_entries
from curation.quality.presets import preset_rules
from curation.quality.urls import UrlRules
from pipelines.inputs.urls import site_of


def listed(folder, name, *entries):
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("# a list\n\n" + "".join(f"{entry}\n" for entry in entries), encoding="utf-8")
    return (ListFile(path=str(path), name=name),)


def measured(step, *urls):
    batch = pa.record_batch(
        {"url": pa.array(urls, pa.string()), "site": pa.array([site_of(url) for url in urls], pa.string())}
    )
    return step(batch)


def found(step, signal, *urls):
    return measured(step, *urls)[f"signal.{signal}"].to_pylist()


def test_a_domain_matches_the_hosts_below_it_and_no_other_that_ends_like_it(tmp_path):
    step = UrlRules(domains=listed(tmp_path, "domains", "Bad.co.uk", "www.worse.org", "www.worse.org."))
    urls = (
        "http://bad.co.uk/",
        "https://a.b.BAD.co.uk/x",
        "https://notbad.co.uk/",
        "https://worse.org:8080",
        "https://co.uk",
    )
    assert found(step, "url_domain", *urls) == ["bad.co.uk", "bad.co.uk", None, "worse.org", None]


def test_a_public_suffix_or_part_of_an_address_on_a_list_blocks_nothing(tmp_path):
    step = UrlRules(domains=listed(tmp_path, "domains", "com", "co.uk", "0.1", "10.0.0.2"))
    urls = ("https://a.com", "https://b.co.uk", "https://10.0.0.1/", "https://10.0.0.2/x", "https://[::1]/")
    assert found(step, "url_domain", *urls) == [None, None, None, "10.0.0.2", None]


def test_a_host_matches_itself_alone(tmp_path):
    step = UrlRules(hosts=listed(tmp_path, "hosts", "blog.example.com"))
    urls = ("https://www.blog.example.com/a", "https://a.blog.example.com", "https://example.com")
    assert found(step, "url_host", *urls) == ["blog.example.com", None, None]


def test_names_in_other_scripts_match_in_both_forms(tmp_path):
    step = UrlRules(domains=listed(tmp_path, "domains", "bücher.example", "xn--mnchen-3ya.example"))
    urls = ("https://xn--bcher-kva.example/", "https://münchen.example/", "https://BÜCHER.example/")
    assert found(step, "url_domain", *urls) == [
        "xn--bcher-kva.example",
        "xn--mnchen-3ya.example",
        "xn--bcher-kva.example",
    ]


def test_a_page_matches_what_begins_with_it_up_to_a_boundary(tmp_path):
    step = UrlRules(pages=listed(tmp_path, "adult/urls", "example.com/~joe/", "https://www.example.com/a?b=1"))
    matching = (
        "http://example.com/~joe",
        "https://www.example.com/~joe/x/y",
        "https://example.com:80/~joe?q",
        "https://example.com/a?b=1#c",
    )
    assert found(step, "url_page", *matching) == ["example.com/~joe"] * 3 + ["example.com/a?b=1"]
    assert found(step, "url_list", *matching) == ["adult/urls"] * 4
    others = (
        "https://example.com/~joey",
        "https://example.com/",
        "https://example.com/a?b=12",
        "https://other.com/~joe",
    )
    assert found(step, "url_page", *others) == [None] * 4


def test_strict_words_count_anywhere_hard_ones_whole_and_soft_ones_add_up(tmp_path):
    step = UrlRules(
        strict_words=listed(tmp_path, "strict", "badword"),
        hard_words=listed(tmp_path, "hard", "sex"),
        soft_words=listed(tmp_path, "soft", "hot", "girls"),
    )
    urls = (
        "https://bad-w.ord.com/",
        "https://essex.gov.uk/sexton?x=sexy",
        "https://a.com/SEX/",
        "https://a.com/hot_girls?hot",
        "https://a.com/hotgirls/hot",
        None,
    )
    assert found(step, "url_strict_word", *urls) == ["badword", None, None, None, None, None]
    assert found(step, "url_hard_word", *urls) == [None, None, "sex", None, None, None]
    assert found(step, "url_soft_words", *urls) == [None, None, None, "hot girls", "hot", None]
    assert found(step, "num_url_soft_words", *urls) == [0, 0, 0, 2, 1, None]


def test_the_scheme_is_no_part_of_a_strict_word(tmp_path):
    step = UrlRules(strict_words=listed(tmp_path, "strict", "sex", "wwwa"))
    assert found(step, "url_strict_word", "https://exchange.org/", "https://www.apple.com") == [None, None]


@pytest.mark.parametrize(
    "url",
    [
        "https://www.essex.ac.uk/school-of-health",
        "https://en.wikipedia.org/wiki/Cumulus_cloud",
        "https://www.scunthorpe.gov.uk/",
        "https://www.example.org/2019/07/hot-summer-days.html",
        "https://www.adult-learning.org/courses",
        "https://pubmed.ncbi.nlm.nih.gov/sex-differences",
        "https://www.pokerfaceband.com/",
        "https://shitake-mushrooms.com/analysis/therapist-finder",
    ],
)
def test_the_packages_words_leave_innocent_addresses_alone(url):
    gate = Gate(name="g", rules=preset_rules("url_rules"))
    assert gate(measured(UrlRules(), url))["verdict.g"].to_pylist() == [[]]


def test_a_decision_names_the_rule_and_the_entry_or_the_number_and_its_bound(tmp_path):
    step = UrlRules(domains=listed(tmp_path, "adult/domains", "bad.com"))
    batch = measured(step, "https://x.bad.com/xxx", "https://ok.com/free/sexy/teens")
    first, second = Gate(name="g", rules=preset_rules("url_rules"))(batch)["verdict.g"].to_pylist()
    assert [(entry["rule"], entry["found"]) for entry in first] == [("url_domain", "bad.com"), ("url_hard_word", "xxx")]
    assert second == [{"rule": "num_url_soft_words", "value": 2.0, "threshold": 1.0, "found": None, "action": "drop"}]


def test_an_empty_list_switches_its_rule_off(tmp_path):
    step = UrlRules(strict_words=(), hard_words=(), soft_words=())
    assert found(step, "num_url_soft_words", "https://pornhub.com/xxx/sexy-teens") == [0]


def test_a_large_list_finds_its_entries_and_no_others(tmp_path):
    source = random.Random(3)
    names = [f"{source.getrandbits(40):x}.example.com" for _ in range(100_000)]
    (file,) = listed(tmp_path, "domains", *names)
    entries = read_entries((file,), str)
    assert all(entries.first((name,)) == (name, "domains") for name in names[::997])
    assert entries.first(f"x{name}" for name in names[::997]) is None


def test_a_list_that_is_missing_changed_or_no_text_is_an_error(tmp_path):
    with pytest.raises(ArtifactError) as error:
        found(UrlRules(hosts=(ListFile(path="no/hosts", name="hosts"),)), "url_host", "https://a.com")
    assert str(error.value) == "no/hosts: expected a list, one entry a line (No such file or directory)"
    (tmp_path / "hosts").write_bytes(b"fine.com\n\xff\xfe\n")
    with pytest.raises(ArtifactError) as error:
        found(UrlRules(hosts=(ListFile(path=str(tmp_path / "hosts"), name="hosts"),)), "url_host", "https://a.com")
    assert str(error.value) == f"{tmp_path}/hosts: line 2: expected UTF-8, found b'\\xff\\xfe\\n'"
    wrong = ListFile(path=str(tmp_path / "hosts"), name="hosts", sha256="0" * 64)
    with pytest.raises(ArtifactError, match=r"expected a list of sha256 0+, found [0-9a-f]{64}; start the run again$"):
        found(UrlRules(hosts=(wrong,)), "url_host", "https://a.com")
