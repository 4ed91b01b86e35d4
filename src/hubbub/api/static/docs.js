// Without validatorUrl, Swagger UI would send the address of the document to a service of its makers.
SwaggerUIBundle({
  url: document.currentScript.dataset.document,
  dom_id: "#docs",
  deepLinking: true,
  validatorUrl: null,
});
