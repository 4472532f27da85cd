using Backtrace.Gpu.Baselines;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Baselines.Perturbation;

public sealed class CholeskyTests
{
    [TestCase(0)]
    [TestCase(1)]
    [TestCase(5)]
    [TestCase(16)]
    [TestCase(23)]
    [TestCase(64)]
    [TestCase(101)]
    public void TheSolutionHasTheBitsOfTheTextbooksLoops(int unknowns)
    {
        Random random = new(unknowns);
        double[,] gram = Gram(unknowns, unknowns + 3, random);
        double[] right = [.. Enumerable.Range(0, unknowns).Select(_ => random.NextDouble() - 0.5)];
        Assert.That(new NormalEquations(gram, right).Solve(0.25), Is.EqualTo(Textbook(gram, right, 0.25)));
    }

    [TestCase(20, 12)]
    [TestCase(70, 40)]
    public void FewerEquationsThanUnknownsHaveNoSolutionWithoutRidge(int unknowns, int equations)
    {
        double[,] gram = Gram(unknowns, equations, new Random(1));
        Assert.That(Cholesky.Of(gram, 0), Is.Null);
        Assert.That(Cholesky.Of(gram, 1e-3), Is.Not.Null);
    }

    [Test]
    public void WhatRoundingLeavesOfAPivotIsNone([Range(1, 30)] int seed)
    {
        Random random = new(seed);
        double[] v = [.. Enumerable.Range(0, 4).Select(_ => random.NextDouble())], w = [.. Enumerable.Range(0, 4).Select(_ => random.NextDouble())];
        double[,] dependent = new double[4, 4];
        for (int i = 0; i < 4; i++)
        {
            for (int j = 0; j < 4; j++)
                dependent[i, j] = (v[i] * v[j]) + (w[i] * w[j]);
        }

        Assert.That(Cholesky.Of(dependent, 0), Is.Null, "two directions do not span four");
        Assert.That(Cholesky.Of(dependent, 1e-3), Is.Not.Null);
    }

    private static double[,] Gram(int unknowns, int equations, Random random)
    {
        double[][] x = [.. Enumerable.Range(0, equations).Select(_ => Enumerable.Range(0, unknowns).Select(_ => random.NextDouble() - 0.5).ToArray())];
        double[,] gram = new double[unknowns, unknowns];
        for (int i = 0; i < unknowns; i++)
        {
            for (int j = 0; j < unknowns; j++)
                gram[i, j] = x.Sum(row => row[i] * row[j]);
        }

        return gram;
    }

    private static double[] Textbook(double[,] gram, double[] right, double ridge)
    {
        int n = right.Length;
        double[,] lower = new double[n, n];
        double[] x = [.. right];
        for (int i = 0; i < n; i++)
        {
            for (int j = 0; j <= i; j++)
            {
                double sum = gram[i, j] + (i == j ? ridge : 0);
                for (int k = 0; k < j; k++)
                    sum -= lower[i, k] * lower[j, k];
                lower[i, j] = i == j ? Math.Sqrt(sum) : sum / lower[j, j];
            }

            for (int k = 0; k < i; k++)
                x[i] -= lower[i, k] * x[k];
            x[i] /= lower[i, i];
        }

        for (int i = n - 1; i >= 0; i--)
        {
            for (int k = i + 1; k < n; k++)
                x[i] -= lower[k, i] * x[k];
            x[i] /= lower[i, i];
        }

        return x;
    }
}
