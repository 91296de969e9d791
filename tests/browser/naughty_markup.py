"""Inputs that try to run a script in a page: each kind in one or two spellings."""

_CALL = "alert(1)"
_TAGS = [
    f"<script>{_CALL}</script>",
    f"<scr<script>ipt>{_CALL}</scr</script>ipt>",
    f"<SCRIPT/src=data:,{_CALL}></SCRIPT>",
    f"</title></textarea></style></template><script>{_CALL}</script>",
    f"--><script>{_CALL}</script>",
    f"\"><script>{_CALL}</script>'><script>{_CALL}</script>",
    f"<iframe srcdoc='<script>{_CALL}</script>'>",
    f"<object data=javascript:{_CALL}>",
    f"<base href=javascript:{_CALL}//>",
    f"<button form=keep formaction=javascript:{_CALL}>x</button>",
    f"<math><a xlink:href=javascript:{_CALL}>x</a></math>",
    f"<svg><script>{_CALL}</script></svg>",
    f"<meta http-equiv=refresh content='0;url=javascript:{_CALL}'>",
    "<link rel=stylesheet href=data:,*{color:red}>",
    "<style>@import 'https://evil.example/x.css';</style>",
    f"<noscript><p title='</noscript><script>{_CALL}</script>'>",
]
_HANDLERS = [
    f"<{tag} {event}={_CALL}>"
    for tag, event in (
        ("img src=x", "onerror"),
        ("IMG/SRC=x", "ONERROR"),
        ("body", "onload"),
        ("svg><animate attributeName=x dur=1s", "onbegin"),
        ("video><source", "onerror"),
        ("details open", "ontoggle"),
        ("input autofocus", "onfocus"),
        ("p style=animation-name:rise", "onanimationstart"),
        ("div hx-get=/courses hx-trigger=load", "hx-on:click"),
        ("div data-hx-get=/courses data-hx-trigger=load", "hx-on::load"),
    )
]
_ATTRIBUTES = [
    f"{quote}{end}={quote}{_CALL}"
    for quote in ('"', "'", "`", "")
    for end in (" onmouseover", " autofocus onfocus", "/onpointerenter")
]
_LINKS = [
    f"javascript:{_CALL}",
    f" JaVaScRiPt:{_CALL}",
    f"java\tscript:{_CALL}",
    f"javascript&colon;{_CALL}",
    f"javascript:{_CALL}//https://example.com/",
    f"data:text/html,<script>{_CALL}</script>",
    "file:///etc/passwd",
    "//evil.example/x",
    "https:/\\evil.example",
    f"![x](javascript:{_CALL})",
    f"<javascript:{_CALL}>",
    f"[x]: javascript:{_CALL}",
]
_OTHERS = [
    "{{ 7 * 7 }}",
    "{% raw %}",
    "${alert(1)}",
    "&#60;script&#62;alert(1)&#60;/script&#62;",
    "\\u003cscript\\u003ealert(1)\\u003c/script\\u003e",
    "\u202e<script>alert(1)</script>",
    "'; DROP TABLE course; --",
    "__proto__",
]
PAYLOADS = [*_TAGS, *_HANDLERS, *_ATTRIBUTES, *_LINKS, *_OTHERS]
