"""What a model is asked to write from a document: versioned templates, and requests and children made of them."""
