// Starts Swagger UI on our own OpenAPI document, its topics in the page's language; no address but this
// one is asked.
const place = document.getElementById("reference");
const topics = JSON.parse(place.dataset.topics);

fetch("/openapi.json").then((answer) => answer.json()).then((spec) => {
  for (const tag of spec.tags) tag.description = topics[tag.name] ?? tag.description;
  SwaggerUIBundle({
    spec,
    dom_id: "#reference",
    deepLinking: true,
    docExpansion: "none",
    validatorUrl: null,
    persistAuthorization: false,
  });
});
