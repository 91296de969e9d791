# A document that becomes a material: what was left out, and what to look at.
document-pages = { $kind ->
    [scanned] Left out, as they are pictures without text (a scan): pages { $pages }. Have their text recognised, or write it in.
    [unread] Left out, as their letters can't be read: pages { $pages }. Save the PDF again from the program that made it.
    [columns] Read column by column: pages { $pages }. Look whether the order is right.
   *[turned] Their text is turned, and may be out of order: pages { $pages }. Look at them.
  }
document-left = Left out: { $kind ->
    [pictures] { $count ->
        [one] { $count } picture
       *[other] { $count } pictures
    }
    [notes] { $count ->
        [one] { $count } footnote
       *[other] { $count } footnotes
    }
    [struck] { $count ->
        [one] { $count } struck-through text
       *[other] { $count } struck-through texts
    }
    [hidden-texts] { $count ->
        [one] { $count } hidden text
       *[other] { $count } hidden texts
    }
    [navigation] { $count ->
        [one] { $count } menu or footer of the page
       *[other] { $count } menus and footers of the page
    }
   *[running-lines] { $count ->
        [one] { $count } line that stands at the edge of most pages
       *[other] { $count } lines that stand at the edges of most pages
    }
  }.
document-part = { $title } ({ $first ->
    [0] part { $number }
   *[other] pages { $first }–{ $last }
  })
document-not-in-git = { $path } can’t be read from the repository. Open the page again.
document-no-file = The document didn't arrive whole. Choose it again.
did-material = { $count ->
    [one] { $count } material
   *[other] { $count } materials
  }, { NUMBER($characters) } characters
page-page-mark = Page { $page }
page-document = From a document
page-document-lead = A PDF, Word or HTML file becomes a material with its headings, tables and pages. You see it before it is saved.
page-document-choose = Document
page-document-hint = PDF, Word (DOCX), HTML, Markdown or text, up to { $megabytes } MB. A document of up to { $kilobytes } KB is kept beside its text. A long text becomes several materials.
page-document-unread = In the repository, not read yet
page-document-show = Show its text
page-document-busy = Reading…
page-document-notes = What to look at
page-document-not-kept = The document itself isn't kept: it has more than { $kilobytes } KB.
page-document-save = { $count ->
    [one] Save the material
   *[other] Save as { $count } materials
  }
